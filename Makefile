# Each target makes its own virtual environment if there is none. Needed: python3 >= 3.11, make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= microgrid-demo
PYTEST := pytest --quiet --numprocesses auto --dist worksteal

.PHONY: help demo test lint types stubs unit trials engines versions sanitize fuzz wheel bench checkers accuracy docs notebooks picture format clean

help: ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/demo.installed ## Differentiate, compare, draw and fit logistic regression on real data
	$(BIN)/microgrid demo --out $(OUT)

test: lint ## Everything that has to pass: lint, types, tests, examples, notebooks
	@$(MAKE) --no-print-directory --jobs=2 types unit

lint: $(VENV)/dev.installed ## Lint and format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.installed ## The strict type checker
	$(BIN)/mypy

stubs: $(VENV)/dev.installed ## Write the type stubs and the help texts anew, after a change of the rule table
	$(BIN)/python -m microgrid.core.stubs

# pytest imports the package's own plugin before any other plugin could start to measure: coverage starts pytest, and
# the workers as they start. The tests marked any_engine run on one engine: see tests/conftest.py. Modules stay compiled
# between the hundreds of processes that the tests start.
unit: export PYTHONDONTWRITEBYTECODE =
unit: $(VENV)/dev.installed ## Tests, docstring and README examples, notebooks; coverage of both engines together
	rm -f .coverage .coverage.*
	MICROGRID_ENGINE=python $(BIN)/python -m coverage run --source microgrid/core -m $(PYTEST) -m "not trials and not any_engine"
	$(BIN)/python -m coverage run -m $(PYTEST)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

trials: export PYTHONDONTWRITEBYTECODE =
trials: $(VENV)/dev.installed ## Tests that are long by nature, and larger sizes of others
	$(BIN)/python -m $(PYTEST) -m trials tests

engines: $(VENV)/dev.installed ## The tests on which the engine makes no difference, on the Python engine too
	MICROGRID_ENGINE=python $(BIN)/python -m $(PYTEST) -m "any_engine and not trials"

versions: $(VENV)/dev.installed ## A part of the tests on every other Python found here, and with the lowest packages
	$(BIN)/python tests/versions.py

sanitize: $(VENV)/dev.installed ## The native engine under AddressSanitizer and UndefinedBehaviorSanitizer
	$(BIN)/python tests/sanitize.py

fuzz: $(VENV)/dev.installed ## Attack the compiler with random inputs for SECONDS (120), from SEED (0) on
	$(BIN)/python tests/fuzz.py $(or $(SECONDS),120) $(or $(SEED),0)

wheel: $(VENV)/dev.installed ## Build the wheel and the source distribution in dist/, and install each to see
	mkdir -p dist
	$(BIN)/python tests/check_wheel.py dist

bench: $(VENV)/bench.installed ## The benchmarks with all peers, eager and compiled: tables, JSON and the README's picture
	$(BIN)/python -m benchmarks --picture docs/benchmarks.svg $(BENCH)
	$(BIN)/python -m benchmarks.fitting
	$(BIN)/python -m benchmarks.certified

checkers: $(VENV)/bench.installed ## The gradient checker beside others and on trial itself: what each finds
	$(BIN)/python -m benchmarks.checkers
	$(BIN)/python -m benchmarks.checker_cost
	$(BIN)/python -m benchmarks.planted_faults
	$(BIN)/python -m benchmarks.family_trials
	$(BIN)/python -m benchmarks.released

accuracy: $(VENV)/dev.installed ## Measure every rule's derivatives against high precision, and write docs/accuracy.md anew
	$(BIN)/python tests/accuracy.py 8 12

notebooks: $(VENV)/dev.installed ## Execute the notebooks anew and save them with their outputs
	for notebook in notebooks/*.ipynb; do $(BIN)/jupyter execute --NotebookClient.coalesce_streams=True --inplace $$notebook || exit 1; done

picture: $(VENV)/demo.installed ## Draw the README's picture anew
	$(BIN)/python docs/logistic_graph.py

docs: $(VENV)/docs.installed ## The guide and the API reference as HTML in build/docs; a warning is an error
	$(BIN)/python -m sphinx -b html -W --keep-going -E -q docs build/docs

format: $(VENV)/dev.installed ## Format the code and mend what lint can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## Remove everything that was made
	rm -rf $(VENV) build dist $(OUT) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f microgrid/core/_engine*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "microgrid needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What the native engine is built from: the package is installed again when one of them changes.
ENGINE := setup.py microgrid/core/rule.py microgrid/core/rules.py microgrid/core/ieee.py microgrid/core/arithmetic.py \
          microgrid/core/source.py microgrid/core/engine.c microgrid/core/c_rules.py

$(VENV)/%.installed: pyproject.toml $(ENGINE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
