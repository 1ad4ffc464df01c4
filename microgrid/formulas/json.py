"""Graphs as JSON, by a versioned schema, and as networkx has them. Reading executes nothing, and believes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from microgrid._public import public
from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value, engine, recorder
from microgrid.core.graph import topological_order
from microgrid.core.rule import EVERY_RULE, Rule
from microgrid.errors import DataError, MissingPackageError
from microgrid.formulas.names import check_is_value
from microgrid.util.labels import shortened

__all__ = ["from_json", "to_json", "to_networkx"]

_made: Callable[..., Value] = engine.make

FORMAT, VERSION = "microgrid graph", 1
_LEAF, _OPERATION = {"name", "value", "grad", "constant"}, {"name", "value", "grad", "rule", "parents", "partials"}
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_ROUNDING = 1e-9  # relative difference between two machines' results of one rule


@public()
def to_json(value: Value, *, indent: int | None = None) -> str:
    """A value's graph as JSON: names, values, gradients, rules and local derivatives, every number to the last bit.

    Parameters
    ----------
    value : Value
        The output.
    indent : int, optional
        Spaces of indentation; by default everything is in one line.

    Returns
    -------
    str
        An object with ``format`` ("microgrid graph"), ``version`` (1) and ``nodes``, parents before children and the
        output last. A leaf has ``name`` (or null), ``value``, ``grad`` and ``constant`` (true for a plain number of an
        expression); an operation has ``name``, ``value``, ``grad``, ``rule``, and ``parents`` (indices, with repeats)
        with ``partials``, one for each. Numbers that JSON doesn't have are the texts "nan", "inf" and "-inf".

    Raises
    ------
    DataError
        If the graph has an operation of your own, which has no name that another program knows; or if the data of a
        leaf was changed since the graph was recorded.

    Examples
    --------
    >>> from microgrid import Value, from_json, to_json
    >>> text = to_json(Value(3.0, "x") * 2.0)
    >>> from_json(text)
    Value(data=6.0, grad=0.0)
    """
    check_is_value(value, "written as JSON")
    order = topological_order(value)
    check_unchanged(order)
    place = {node: index for index, node in enumerate(order)}
    nodes = [_written(node, place) for node in order]
    # ASCII, so that no letter is lost on the way, not even half of a surrogate pair.
    return json.dumps({"format": FORMAT, "version": VERSION, "nodes": nodes}, indent=indent, allow_nan=False)


def _written(node: Value, place: Mapping[Value, int]) -> dict[str, Any]:
    found = {"name": node.name, "value": _number_out(node.data), "grad": _number_out(node.grad)}
    if node.op is None:
        return found | {"constant": node.is_constant}
    if node.op.source is not None or EVERY_RULE.get(node.op.name) is not node.op:
        raise DataError(
            f"{node.op.name!r} is an operation of your own, and JSON has those of the rule table by name only"
        )
    return found | {
        "rule": node.op.name,
        "parents": [place[parent] for parent in node.parents],
        "partials": [_number_out(partial) for partial in node.partials],
    }


def _number_out(x: float) -> float | str:
    return x if math.isfinite(x) else repr(x)


@public()
def from_json(text: str) -> Value:
    """The value whose graph ``to_json`` wrote, with everything that it was made from.

    Each operation is recorded anew. Numbers that differ from the written ones by more than the rounding of another
    machine's functions are refused, so that a graph is never read back with a number that isn't its own.

    Parameters
    ----------
    text : str
        What ``to_json`` returned.

    Returns
    -------
    Value
        The output.

    Raises
    ------
    DataError
        If the text isn't JSON, is of another format or version, or has anything else than the schema says; the message
        names the node.

    Examples
    --------
    >>> from microgrid import from_json
    >>> from_json('{"format": "microgrid graph", "version": 2, "nodes": []}')
    Traceback (most recent call last):
    microgrid.DataError: the graph is of version 2, and this is a reader of version 1
    """
    if not isinstance(text, str | bytes):
        raise DataError(f"a graph is read from the text of to_json, not from {type(text).__name__}")
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the text isn't the JSON of a graph: {str(error) or type(error).__name__}") from error
    nodes: list[Value] = []
    for index, entry in enumerate(_entries(document)):
        try:
            nodes.append(_read(entry, nodes))
        except DataError as error:
            raise DataError(f"node {index} of the graph: {error}") from error
    unused = set(nodes) - set(topological_order(nodes[-1]))
    if unused:
        raise DataError(f"the output, which is the last node, isn't made from node {min(map(nodes.index, unused))}")
    return nodes[-1]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"an object has a key twice: {', '.join(sorted([key for key, _ in pairs]))}")
    return found


def _not_json(word: str) -> float:
    raise ValueError(f'{word} is not JSON: write "{word.lower().replace("infinity", "inf")}"')


def _entries(document: Any) -> list[Any]:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError(f'the text is JSON, but not of a graph: "format" must be "{FORMAT}"')
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        raise DataError(
            f"the graph is of version {_told(document.get('version'))}, and this is a reader of version {VERSION}"
        )
    _check_keys(document, {"format", "version", "nodes"})
    entries = document["nodes"]
    if not isinstance(entries, list) or not entries:
        raise DataError('"nodes" is a list of at least one node')
    return entries


def _check_keys(entry: Any, keys: set[str]) -> None:
    if not isinstance(entry, dict) or set(entry) != keys:
        given = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        raise DataError(f"it has {given}, and should have {sorted(keys)}")


def _told(thing: Any) -> str:
    """What a file has in a wrong place, short enough for a message."""
    return shortened(repr(thing), 80)


def _read(entry: Any, nodes: Sequence[Value]) -> Value:
    is_operation = isinstance(entry, dict) and "rule" in entry
    _check_keys(entry, _OPERATION if is_operation else _LEAF)
    name, data, grad = entry["name"], _number_in(entry["value"]), _number_in(entry["grad"])
    if name is not None and not isinstance(name, str):
        raise DataError(f"a name is a text or null, not {_told(name)}")
    if not is_operation:
        if not isinstance(entry["constant"], bool):
            raise DataError(f'"constant" is true or false, not {_told(entry["constant"])}')
        return _made(None, data, grad, name, (), (), entry["constant"])
    rule = _rule(entry["rule"])
    operands, partials = _operands(rule, entry, nodes)
    _check_numbers(rule, operands, (data, *partials))
    return _made(rule, data, grad, name, operands, partials, False)


def _number_in(x: Any) -> float:
    if isinstance(x, str) and x in _SPECIAL:
        return _SPECIAL[x]
    if isinstance(x, bool) or not isinstance(x, int | float):
        raise DataError(f'a number is written as one, or as "nan", "inf" or "-inf", not as {_told(x)}')
    try:
        number = float(x)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise DataError("a number is too large for a float")
    return number


def _rule(name: Any) -> Rule:
    rule = EVERY_RULE.get(name) if isinstance(name, str) else None
    if rule is None:
        raise DataError(f"there is no rule {_told(name)}")
    return rule


def _operands(rule: Rule, entry: Any, nodes: Sequence[Value]) -> tuple[tuple[Value, ...], tuple[float, ...]]:
    parents, partials = entry["parents"], entry["partials"]
    if not isinstance(parents, list) or not isinstance(partials, list) or len(parents) != len(partials):
        raise DataError('"parents" and "partials" are lists of equal length')
    for index in parents:
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(nodes):
            raise DataError(f"a parent is the index of an earlier node, not {_told(index)}")
    lists = len(rule.regions)
    if len(parents) != rule.arity if rule.arity is not None else len(parents) % lists:
        wanted = f"{rule.arity}" if rule.arity is not None else f"a multiple of {lists}"
        raise DataError(f"{rule.name} takes {wanted} operands, not {len(parents)}")
    return tuple([nodes[index] for index in parents]), tuple([_number_in(partial) for partial in partials])


def _check_numbers(rule: Rule, operands: Sequence[Value], written: Iterable[float]) -> None:
    """Refuse a value or a local derivative that the rule doesn't have at these operands."""
    again = recorder(rule)(*operands)
    for what, ours, theirs in zip(_parts(len(operands)), (again.data, *again.partials), written, strict=True):
        scale = _ROUNDING * max(abs(ours), abs(theirs))
        if not (ours == theirs or (ours != ours and theirs != theirs) or abs(ours - theirs) <= scale < math.inf):
            numbers = ", ".join([repr(operand.data) for operand in operands[:4]]) + ", …" * (len(operands) > 4)
            raise DataError(f"the {what} of {rule.name}({numbers}) is {ours!r}, and {theirs!r} is written")


def _parts(count: int) -> list[str]:
    return ["value", *[f"local derivative with respect to operand {index}" for index in range(1, count + 1)]]


@public()
def to_networkx(value: Value) -> Any:
    """A value's graph for networkx: nodes with their numbers, and an edge for each operand.

    Parameters
    ----------
    value : Value
        The output.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are numbered with parents before children, and have ``name``, ``value``, ``grad``, ``rule`` (None for a
        leaf) and ``constant``; edges lead from parents, by the number of the operand as their key, and have
        ``partial``.

    Raises
    ------
    MissingPackageError
        If networkx is not installed.

    Examples
    --------
    >>> from microgrid import Value, to_networkx
    >>> x = Value(3.0, "x")
    >>> list(to_networkx(x * x).edges(data="partial", keys=True))
    [(0, 1, 0, 3.0), (0, 1, 1, 3.0)]
    """
    check_is_value(value, "given to networkx")
    try:
        import networkx
    except ImportError:
        raise MissingPackageError("networkx is not installed: pip install 'microgrid-autodiff[draw]'") from None
    graph = networkx.MultiDiGraph()
    place: dict[Value, int] = {}
    for node in topological_order(value):
        place[node] = len(place)
        rule = node.op.name if node.op else None
        graph.add_node(
            place[node], name=node.name, value=node.data, grad=node.grad, rule=rule, constant=node.is_constant
        )
        for operand, (parent, partial) in enumerate(zip(node.parents, node.partials, strict=True)):
            graph.add_edge(place[parent], place[node], key=operand, partial=partial)
    return graph
