"""The rule table in C, for the native engine: run when the package is built, never when it is used.

``rules_in_c`` gives the text that ``engine.c`` includes: a function for each rule, which returns the value and stores
the partials, and lists of the rules for the preprocessor, from which the engine makes its operators and functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib.util import source_hash
from pathlib import Path

from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.source import C, List, Source

__all__ = ["built_from", "rules_in_c"]

_SOURCES = (
    *("rule.py", "rules.py", "coefficients.py", "c_library.py", "ieee.py", "arithmetic.py", "source.py", "engine.c"),
    "c_rules.py",
)
_LETTERS = "xyz"
_MANY = "Py_ssize_t count, const double *operands, double *partials, double *scratch"
_SLOTS = {
    "abs": "Py_nb_absolute",
    "add": "Py_nb_add",
    "floordiv": "Py_nb_floor_divide",
    "mod": "Py_nb_remainder",
    "mul": "Py_nb_multiply",
    "neg": "Py_nb_negative",
    "pow": "Py_nb_power",
    "sub": "Py_nb_subtract",
    "truediv": "Py_nb_true_divide",
}


def built_from() -> str:
    """A fingerprint, in hexadecimal digits, of the sources that decide what the written C computes."""
    core = Path(__file__).parent
    sources = [core / name for name in _SOURCES]
    return source_hash(b"".join([source.read_bytes() for source in sources])).hex()


def rules_in_c() -> str:
    """Every rule of the table in C: what ``engine.c`` includes."""
    rules = list(EVERY_RULE.values())
    parts = ["/* Written from the rule table; not to be edited. */\n"]
    for rule in rules:
        parts.append(_list_rule(rule) if rule.arity is None else _fixed_rule(rule))
        if rule.arity is not None and rule.arity > 2:
            parts.append(_fixed_rule_as_many(rule))
    parts.append(f"enum {{ OP_LEAF, {', '.join([f'OP_{rule.name}' for rule in rules])}, OP_COUNT }};\n")
    names = ", ".join([f'"{rule.name}"' for rule in rules])
    parts.append(f'static const char *const rule_names[] = {{"", {names}}};\n')
    arities = ", ".join([str(rule.arity or 0) for rule in rules])
    parts.append(f"static const unsigned char rule_arity[] = {{0, {arities}}}; /* 0: any number */\n")
    choices = ", ".join([str(int(rule.choice)) for rule in rules])
    parts.append(f"static const unsigned char rule_is_choice[MOST_OPS] = {{0, {choices}}};\n")
    parts.append(_lists(rules))
    parts.append(f'#define BUILT_FROM "{built_from()}"\n')
    return "\n".join(parts)


def _fixed_rule(rule: Rule) -> str:
    """A rule of so many operands, as a function that returns the value and stores the partials."""
    source = Source(C)
    letters = _LETTERS[: rule.arity]
    operands = [source.term(letter) for letter in letters]
    value, partials = rule.make(source)
    out = value(*operands)
    slopes = partials(out, *operands)
    lines = [f"*d{letter} = {source.write(slope)};" for letter, slope in zip(letters, slopes, strict=True)]
    parameters = [f"double {letter}" for letter in letters] + [f"double *d{letter}" for letter in letters]
    body = [*source.lines_for([out, *slopes]), *lines, f"return {source.write(out)};"]
    return _function("static inline double", f"rule_{rule.name}", ", ".join(parameters), body)


def _list_rule(rule: Rule) -> str:
    """A rule on lists, whose operands and partials are arrays, one list after the other."""
    source = Source(C)
    source.of_lists = True
    letters = [f"{letter}s" for letter in _LETTERS[: len(rule.regions)]]
    lists = [List(source, letter) for letter in letters]
    value, partials = rule.make(source)
    out = value(*lists)
    for letter, slopes in zip(letters, partials(out, *lists), strict=True):
        source.loop(slopes, partial(source.set_element, f"d{letter}"))
    body = [f"const Py_ssize_t n = count / {len(letters)};"]
    for place, letter in enumerate(letters):
        body.append(f"const double *{letter} = operands + {place} * n;")
        body.append(f"double *d{letter} = partials + {place} * n;")
    body += [*source.lines, f"return {source.write(out)};"]
    if not any(["scratch" in line for line in source.lines]):
        body.insert(0, "(void)scratch;")
    return _function("static double", f"many_{rule.name}", _MANY, body)


def _fixed_rule_as_many(rule: Rule) -> str:
    """The rule of three operands, which a node keeps as it keeps a list."""
    places = range(rule.arity or 0)
    arguments = [f"operands[{place}]" for place in places] + [f"partials + {place}" for place in places]
    body = ["(void)count, (void)scratch;", f"return rule_{rule.name}({', '.join(arguments)});"]
    return _function("static double", f"many_{rule.name}", _MANY, body)


def _function(kind: str, name: str, parameters: str, body: Iterable[str]) -> str:
    lines = "\n".join([f"    {line}" for line in body])
    return f"{kind} {name}({parameters}) {{\n{lines}\n}}\n"


def _lists(rules: list[Rule]) -> str:
    """The rules of each kind, each as the arguments of a macro X."""
    unary = [rule for rule in rules if rule.arity == 1]
    methods = [f"{rule.name}, {name}" for rule in unary if rule.name in RULES for name in (rule.name, *rule.aliases)]
    binary = [rule for rule in rules if rule.arity == 2]
    lists = [rule for rule in rules if rule.arity is None]
    operators = [rule for rule in rules if rule.operator in _SLOTS]
    return (
        _macro("FOR_UNARY_RULES", [rule.name for rule in unary])
        + _macro("FOR_UNARY_METHODS", methods)
        + _macro("FOR_BINARY_RULES", [f"{rule.name}, {rule.constant_form or rule.name}" for rule in binary])
        + _macro("FOR_LIST_RULES", [f"{rule.name}, {len(rule.regions)}" for rule in lists])
        + _macro("FOR_MANY_RULES", [rule.name for rule in rules if rule.arity not in (1, 2)])
        + _macro("FOR_OPERATORS", [f"{_SLOTS[rule.operator or '']}, {_slot_function(rule)}" for rule in operators])
    )


def _slot_function(rule: Rule) -> str:
    if rule.operator == "pow":
        return "power_operator"  # pow takes a third operand, the modulus
    return f"unary_{rule.name}" if rule.arity == 1 else f"binary_{rule.name}"


def _macro(name: str, entries: Iterable[str]) -> str:
    return f"#define {name}(X) {' '.join([f'X({entry})' for entry in entries])}\n"
