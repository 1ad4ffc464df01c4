# Each target makes its own virtual environment if there is none. Needed: python3 >= 3.11, make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= microgrid-demo

.PHONY: help demo test lint types unit differential sanitize wheel bench checkers notebooks picture format clean

help: ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/demo.installed ## Differentiate, compare, draw and fit logistic regression on real data
	$(BIN)/microgrid demo --out $(OUT)

test: lint types unit ## Everything that has to pass: lint, types, tests, examples, notebooks

lint: $(VENV)/dev.installed ## Lint and format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.installed ## The strict type checker
	$(BIN)/mypy

# pytest imports the package's own plugin before any other plugin could start to measure: coverage starts pytest.
unit: $(VENV)/dev.installed ## Tests, docstring and README examples, notebooks on both engines, coverage of both together
	MICROGRID_ENGINE=python $(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage run --append -m pytest
	$(BIN)/python -m coverage report

differential: $(VENV)/dev.installed ## 20,000 random programs on every backend, and ten million calls
	MICROGRID_PROGRAMS=20000 MICROGRID_CALLS=10000000 $(BIN)/python -m pytest -s tests/test_differential.py

sanitize: $(VENV)/dev.installed ## The native engine under AddressSanitizer and UndefinedBehaviorSanitizer
	$(BIN)/python tests/sanitize.py

wheel: $(VENV)/dev.installed ## Build the wheel and the source distribution in dist/, and install each to see
	mkdir -p dist
	$(BIN)/python tests/check_wheel.py dist

bench: $(VENV)/bench.installed ## The benchmarks with all peers, eager and compiled: tables, JSON and the README's picture
	$(BIN)/python -m benchmarks --picture docs/benchmarks.svg $(BENCH)

checkers: $(VENV)/bench.installed ## The gradient checker beside others and on trial itself: what each finds
	$(BIN)/python -m benchmarks.checkers
	$(BIN)/python -m benchmarks.planted_faults

notebooks: $(VENV)/dev.installed ## Execute the notebooks anew and save them with their outputs
	for notebook in notebooks/*.ipynb; do $(BIN)/jupyter execute --NotebookClient.coalesce_streams=True --inplace $$notebook || exit 1; done

picture: demo ## Draw the README's picture anew
	mkdir -p docs
	cp $(OUT)/logistic_graph_from_logit.svg docs/logistic_graph.svg

format: $(VENV)/dev.installed ## Format the code and mend what lint can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## Remove everything that was made
	rm -rf $(VENV) build dist $(OUT) .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f microgrid/_engine*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "microgrid needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What the native engine is built from: the package is installed again when one of them changes.
ENGINE := setup.py microgrid/rules.py microgrid/arithmetic.py microgrid/arithmetics/source.py \
          microgrid/native/engine.c microgrid/native/write_rules.py

$(VENV)/%.installed: pyproject.toml $(ENGINE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
