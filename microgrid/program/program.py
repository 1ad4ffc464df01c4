"""``Program``: a recorded graph as flat arrays, the stepping stone of everything that runs it faster than ``Value``.

How a graph is flattened stands in ``lowering``; what machine code is made of a program
is decided elsewhere. Here are the program's own evaluation and pullback in any arithmetic, its listing, its
fingerprint and its file.

The file's format, all numbers in little-endian order, is::

    8 bytes   the magic, 93 4D 47 52 49 44 0D 0A
    4 bytes   the version, an unsigned integer: 1
    4 bytes   the length of the header, an unsigned integer
    header    JSON in UTF-8: {"byteorder": "little", "inputs": [name, ...], "rules": [name, ...],
              "counts": {"constants": n, "ops": n, "starts": n, "operands": n, "outputs": n}}
    arrays    one after the other, in the order of the counts: constants as 8-byte floats, ops as 2-byte unsigned
              integers, starts, operands and outputs as 4-byte signed integers
    32 bytes  the SHA-256 of everything before
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from microgrid._public import public
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.rules import RULES, Rule
from microgrid.core.source import PYTHON, Source
from microgrid.core.value import Value, as_value, recorder
from microgrid.errors import DataError, InvalidValueError, OperationError
from microgrid.program.lowering import Columns, lower
from microgrid.util import atomic_write as files
from microgrid.util.wording import counted

__all__ = ["Program"]


@public()
@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """A recorded graph as flat arrays: what is computed from what, without the numbers that it was recorded at.

    Every number has a *slot*: inputs first, then constants, then nodes in topological order, operands before what is
    made of them. ``Program.record`` makes a program of Values. It is immutable by convention: nobody writes into its
    arrays.

    Parameters
    ----------
    inputs : tuple of str
        The names of the inputs, whose slots are 0, 1, ...
    constants : array of float, typecode "d"
        What stands in the slots after them.
    rules : tuple of Rule
        The distinct rules, in order of first use.
    ops : array of int, typecode "H"
        For each node, the place of its rule in ``rules``.
    starts : array of int, typecode "i"
        For each node, where its operands begin in ``operands``, and at the end where the last node's end.
    operands : array of int, typecode "i"
        The slots of all operands, node after node. A rule on lists has its lists one after the other.
    outputs : array of int, typecode "i"
        The slots of the outputs: nodes, or inputs or constants.

    Examples
    --------
    >>> from microgrid import Program, Value, exp
    >>> x, y = Value(0.5, name="x"), Value(2.0, name="y")
    >>> program = Program.record([exp(x * y) + 2.0 * y], [x, y])
    >>> program
    <program of 2 inputs, 1 constant, 4 nodes and 1 output>
    >>> print(program.listing())
    x = input 0
    y = input 1
    c0 = 2.0
    t0 = mul(x, y)
    t1 = exp(t0)
    t2 = mul(c0, y)
    t3 = add(t1, t2)  # output 0
    """

    inputs: tuple[str, ...]
    constants: array[float]
    rules: tuple[Rule, ...]
    ops: array[int]
    starts: array[int]
    operands: array[int]
    outputs: array[int]

    @classmethod
    def record(
        cls,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        *,
        names: Sequence[str] | None = None,
        share: bool = True,
    ) -> Program:
        """The program of a recorded graph.

        A node that depends on no input is evaluated at its leaves' data and becomes a constant; equal constants are
        one, and what no output needs is left out. The order of the nodes is that of ``graph.topological_order``.

        Parameters
        ----------
        outputs : sequence of Value
            At least one. An output may be an input, a constant, or another output.
        inputs : sequence of Value
            Distinct leaves, in order. An input that no output depends on is one all the same.
        names : sequence of str, optional
            One for each input; by default the leaves' own names, and "x0", "x1", ... by place for those without.
        share : bool
            Whether nodes of one rule on the same operands become one. Without it, the adjoints are added up from the
            same terms as in ``Value.backward``.

        Returns
        -------
        Program
            With no trace of the Values.

        Raises
        ------
        InvalidValueError
            If an output or an input is no Value.
        DataError
            If there is no output, if an input is no leaf or is given twice, or if the names are not distinct names.

        Examples
        --------
        >>> from microgrid import Program, Value, sum
        >>> xs = [Value(1.0), Value(2.0)]
        >>> program = Program.record([sum([x * x for x in xs])], xs)
        >>> program.inputs, program.first_node, program.operands.tolist()
        (('x0', 'x1'), 2, [0, 0, 1, 1, 2, 3])
        """
        results, leaves = _values("outputs", outputs), _values("inputs", inputs)
        if not results:
            raise DataError("a program needs at least one output: give the Values that it is to compute")
        _check_leaves(leaves)
        labels = _labels(leaves, names)
        return cls(labels, *lower(results, leaves, share))

    @property
    def first_node(self) -> int:
        """The slot of the first node."""
        return len(self.inputs) + len(self.constants)

    def __repr__(self) -> str:
        counts = [
            counted(len(self.inputs), "input"),
            counted(len(self.constants), "constant"),
            counted(len(self.ops), "node"),
        ]
        return f"<program of {', '.join(counts)} and {counted(len(self.outputs), 'output')}>"

    def __reduce__(self) -> tuple[type[Program], tuple[Any, ...]]:
        columns = (self.constants, self.rules, self.ops, self.starts, self.operands, self.outputs)
        return type(self), (self.inputs, *columns)

    def nodes(self) -> Iterator[tuple[int, Rule, array[int]]]:
        """The nodes in order.

        Yields
        ------
        tuple
            The node's slot, its rule and the slots of its operands.

        Examples
        --------
        >>> from microgrid import Program, Value
        >>> x = Value(3.0)
        >>> [(slot, rule.name, operands.tolist()) for slot, rule, operands in Program.record([x * x], [x]).nodes()]
        [(1, 'mul', [0, 0])]
        """
        slot, start = self.first_node, 0
        for op, stop in zip(self.ops, self.starts[1:], strict=True):
            yield slot, self.rules[op], self.operands[start:stop]
            slot, start = slot + 1, stop

    # ---- running it -------------------------------------------------------------------------------------------

    def evaluate(self, m: Arithmetic, numbers: Sequence[Any], constant: Callable[[float], Any] = float) -> list[Any]:
        """Every slot's value in an arithmetic.

        Parameters
        ----------
        m : Arithmetic
            The number system.
        numbers : sequence
            A number of the system for each input.
        constant : callable
            Makes a number of the system from a constant.

        Returns
        -------
        list
            One value for each slot.

        Raises
        ------
        DataError
            If there are not as many numbers as inputs.

        Examples
        --------
        >>> from microgrid import Program, Value
        >>> from microgrid.core.arithmetic import FLOAT
        >>> x = Value(3.0)
        >>> program = Program.record([1.0 / x], [x])
        >>> values = program.evaluate(FLOAT, [0.0])
        >>> [values[slot] for slot in program.outputs]
        [inf]
        """
        _check_count(numbers, "numbers", len(self.inputs), "inputs", "one for each")
        functions = {rule: m.bind(rule)[0] for rule in self.rules}
        values = [*numbers, *map(constant, self.constants)]
        for _, rule, operands in self.nodes():
            values.append(functions[rule](*[values[slot] for slot in operands]))
        return values

    def replay(self, inputs: Sequence[Value]) -> list[Value]:
        """Record the program's graph anew on other Values.

        Parameters
        ----------
        inputs : sequence of Value
            What stands for the inputs.

        Returns
        -------
        list of Value
            One for each slot; each node has the program's own rule.

        Examples
        --------
        >>> from microgrid import Program, Value, exp
        >>> x = Value(0.5, name="x")
        >>> program = Program.record([exp(x * 2.0)], [x])
        >>> program.replay([Value(0.0)])[-1].data
        1.0
        """
        _check_count(inputs, "Values", len(self.inputs), "inputs", "one for each")
        values = [*inputs, *[as_value(constant) for constant in self.constants]]
        for _, rule, operands in self.nodes():
            values.append(recorder(rule)(*[values[slot] for slot in operands]))
        return values

    def pullback(self, m: Arithmetic, values: Sequence[Any], seeds: Sequence[Any], *, zero: Any = None) -> list[Any]:
        """Reverse mode: the adjoint of every slot, from those of the outputs.

        The nodes hand back in reverse order, each to its operands in their order: the partial, 0 or not, times the
        adjoint. A constant gets nothing.

        Parameters
        ----------
        m : Arithmetic
            The number system.
        values : sequence
            Every slot's value, as ``evaluate`` gives them.
        seeds : sequence
            The adjoint of each output; None for an output that is not differentiated.
        zero : number, optional
            What every adjoint starts from. With 0.0, FLOAT gives the bits of ``Value.backward``; by default an
            adjoint starts from the first share that it gets, which spares an addition and only differs in the sign
            of a zero.

        Returns
        -------
        list
            One adjoint for each slot; None where nothing arrived.

        Raises
        ------
        DataError
            If there are not as many values as slots, or as many seeds as outputs.

        Examples
        --------
        >>> from microgrid import Program, Value
        >>> from microgrid.core.arithmetic import FLOAT
        >>> x, y = Value(3.0), Value(4.0)
        >>> program = Program.record([x * x * y], [x, y])
        >>> program.pullback(FLOAT, program.evaluate(FLOAT, [3.0, 4.0]), [1.0])[:2]
        [24.0, 9.0]
        """
        slots = self.first_node + len(self.ops)
        _check_count(values, "values", slots, "slots", "all that evaluate gave")
        _check_count(seeds, "seeds", len(self.outputs), "outputs", "one for each, None where none is wanted")
        adjoints: list[Any] = [None] * slots
        inputs, first_node = len(self.inputs), self.first_node

        def hand(slot: int, share: Any) -> None:
            if not inputs <= slot < first_node:
                before = adjoints[slot] if adjoints[slot] is not None else zero
                adjoints[slot] = share if before is None else before + share

        for slot, seed in zip(self.outputs, seeds, strict=True):
            if seed is not None:
                hand(slot, seed)
        functions = [m.bind(rule)[1] for rule in self.rules]
        for node in range(len(self.ops) - 1, -1, -1):
            adjoint = adjoints[first_node + node]
            if adjoint is None:
                continue
            operands = self.operands[self.starts[node] : self.starts[node + 1]]
            partials = functions[self.ops[node]](values[first_node + node], *[values[slot] for slot in operands])
            for slot, partial in zip(operands, partials, strict=True):
                hand(slot, partial * adjoint)
        return adjoints

    # ---- reading it -------------------------------------------------------------------------------------------

    def listing(self) -> str:
        """The program in words, one line for each slot.

        Returns
        -------
        str
            Inputs by their names, constants as ``c0``, ``c1``, ..., nodes as ``t0``, ``t1``, ...; behind ``#``, which
            outputs a slot is, and that nothing uses an input.
        """
        names = self._slot_names()
        lines = [f"{name} = input {slot}" for slot, name in enumerate(names[: len(self.inputs)])]
        lines += [
            f"{name} = {number!r}" for name, number in zip(names[len(self.inputs) :], self.constants, strict=False)
        ]
        for slot, rule, operands in self.nodes():
            lines.append(f"{names[slot]} = {rule.name}({_in_words(rule, [names[operand] for operand in operands])})")
        remarks: dict[int, list[str]] = {}
        for place, slot in enumerate(self.outputs):
            remarks.setdefault(slot, []).append(f"output {place}")
        used = {*self.operands, *self.outputs}
        for slot in range(len(self.inputs)):
            if slot not in used:
                remarks[slot] = ["not used"]
        for slot, words in remarks.items():
            lines[slot] += f"  # {', '.join(words)}"
        return "\n".join(lines)

    def _slot_names(self) -> list[str]:
        """What the slots are called: no name twice, and no blank or line break in one."""
        inputs = [name if name.isidentifier() else json.dumps(name) for name in self.inputs]
        constant, node = [_unlike(letter, inputs) for letter in "ct"]
        constants = [f"{constant}{place}" for place in range(len(self.constants))]
        return [*inputs, *constants, *[f"{node}{place}" for place in range(len(self.ops))]]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of what the program computes: rules, constants, operands and outputs, not names.

        Hexadecimal SHA-256, the same in every process. An operation of a user's own counts with the text of its two
        functions; OperationError if they are written for floats alone, so that they have none.
        """
        digest = hashlib.sha256(b"microgrid program 1\n")
        rules = [rule.name if _is_of_the_table(rule) else self._text_of(rule) for rule in self.rules]
        digest.update(json.dumps([len(self.inputs), rules, self._counts()]).encode())
        digest.update(self._arrays())
        return digest.hexdigest()

    def _text_of(self, rule: Rule) -> str:
        """The two functions of a user's own operation as source text, for each number of operands that it has here."""
        if not rule.portable:
            raise OperationError(
                f"a program with the operation {rule.name} ({rule.value_source}) has no fingerprint, for what is "
                "written for floats alone has no text: let its value and its partials take a keyword-only m, and take "
                "every function from it, as in def value(x, *, m): return m.exp(-x * x)"
            )
        lines = []
        for count in sorted({len(operands) for _, own, operands in self.nodes() if own is rule}):
            source = Source(PYTHON)
            value, partials = source.bind(rule)
            operands = [source.term(f"x{place}") for place in range(count)]
            results = (value(*operands), *partials(source.term("out"), *operands))
            lines += [*source.lines, *[source.write(result) for result in results]]
        return "\n".join(lines)

    # ---- its file ---------------------------------------------------------------------------------------------

    def _columns(self) -> dict[str, array[Any]]:
        return {name: getattr(self, name) for name in _TYPECODES}

    def _counts(self) -> dict[str, int]:
        return {name: len(column) for name, column in self._columns().items()}

    def _arrays(self) -> bytes:
        return b"".join([_little_endian(column).tobytes() for column in self._columns().values()])

    def save(self, path: str | Path) -> None:
        """Write the program to a file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced. Its format is told at the top of ``microgrid/program.py``.

        Raises
        ------
        OperationError
            If the program has an operation of a user's own, which is code: ``pickle`` carries it.
        OutputError
            If the file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from microgrid import Program, Value
        >>> x = Value(3.0, name="x")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Program.record([x * x], [x]).save(Path(folder) / "square.microgrid")
        ...     Program.load(Path(folder) / "square.microgrid")
        <program of 1 input, 0 constants, 1 node and 1 output>
        """
        for rule in self.rules:
            if not _is_of_the_table(rule):
                raise OperationError(
                    f"the operation {rule.name} is a user's own ({rule.value_source}) and can't be saved to a file, "
                    "which holds no code: pickle the program instead, for a process that can import the operation"
                )
        names = {"inputs": self.inputs, "rules": [rule.name for rule in self.rules]}
        header = json.dumps({"byteorder": "little", **names, "counts": self._counts()}).encode()
        content = _MAGIC + struct.pack("<II", _VERSION, len(header)) + header + self._arrays()
        files.write(Path(path), content + hashlib.sha256(content).digest())

    @classmethod
    def load(cls, path: str | Path) -> Program:
        """Read a program from a file, of which everything is checked before anything is used.

        Parameters
        ----------
        path : str or Path
            A file that ``save`` wrote.

        Returns
        -------
        Program
            With the arrays of the one that was saved.

        Raises
        ------
        DataError
            If the file can't be read, is no program, is of another version, is cut short or changed, or holds what no
            program has: an unknown rule, a wrong number of operands, an operand that comes after its node.
        """
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: no system has a path with a null character
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"can't read {str(path)!r}: {reason}; give a file that save wrote") from error
        try:
            return _parsed(content)
        except _NotAProgramError as error:
            raise DataError(f"{str(path)!r} {error}") from None


# ---- recording ------------------------------------------------------------------------------------------------


def _values(what: str, given: Sequence[Value]) -> list[Value]:
    if isinstance(given, Value):
        raise InvalidValueError(f"{what} are a list of Values, not one Value: write [value]")
    values = list(given)
    for place, value in enumerate(values):
        if not isinstance(value, Value):
            raise InvalidValueError(f"{what}[{place}] is {value!r} of type {type(value).__name__}: give a Value")
    return values


def _check_leaves(leaves: list[Value]) -> None:
    first: dict[Value, int] = {}
    for place, leaf in enumerate(leaves):
        if leaf.op is not None:
            raise DataError(
                f"inputs[{place}] is the result of {leaf.op.name}, and an input is a leaf: give the Values that it was "
                "made from, or record the graph anew from a Value that stands for it"
            )
        if leaf.is_constant:
            raise DataError(f"inputs[{place}] is the constant {leaf.data!r}, which nothing is differentiated by")
        if first.setdefault(leaf, place) != place:
            raise DataError(f"inputs[{place}] is inputs[{first[leaf]}] once more: give each leaf once")


def _labels(leaves: list[Value], names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        labels = [leaf.name or f"x{place}" for place, leaf in enumerate(leaves)]
    elif isinstance(names, str):
        raise DataError(f"names is a list of names, not the text {names!r}: write [{names!r}]")
    else:
        labels = list(names)
        _check_count(labels, "names", len(leaves), "inputs", "one for each")
    fault = _fault_of_names(labels)
    if fault:
        raise DataError(f"{fault}: give distinct ones as names=[...]")
    return tuple(labels)


def _fault_of_names(labels: Sequence[Any]) -> str | None:
    """What is wrong with the inputs' names, or None."""
    first: dict[str, int] = {}
    for place, label in enumerate(labels):
        if not isinstance(label, str) or not label:
            return f"the name of input {place} is {label!r}, which is no text or an empty one"
        if first.setdefault(label, place) != place:
            return f"inputs {first[label]} and {place} are both named {label!r}"
    return None


def _check_count(given: Sequence[Any], what: str, wanted: int, of: str, fix: str) -> None:
    if len(given) != wanted:
        raise DataError(f"got {len(given):,} {what} for {wanted:,} {of}: give {fix}")


def _is_of_the_table(rule: Rule) -> bool:
    return RULES.get(rule.name) is rule


# ---- words ----------------------------------------------------------------------------------------------------


def _unlike(letter: str, names: Sequence[str]) -> str:
    """The letter, lengthened until no name is the letter and a number."""
    while any([name.startswith(letter) and name[len(letter) :].isdecimal() for name in names]):
        letter += "_"
    return letter


def _in_words(rule: Rule, operands: list[str]) -> str:
    if rule.arity is not None:
        return ", ".join(operands)
    length = len(operands) // len(rule.regions)
    lists = [operands[start : start + length] for start in range(0, len(operands), length)]
    return ", ".join([f"[{', '.join(one)}]" for one in lists])


# ---- the file -------------------------------------------------------------------------------------------------

_MAGIC = b"\x93MGRID\r\n"
_VERSION = 1
_CHECKSUM = 32  # bytes
_TYPECODES = {"constants": "d", "ops": "H", "starts": "i", "operands": "i", "outputs": "i"}


def _little_endian(column: array[Any]) -> array[Any]:
    if sys.byteorder == "little":
        return column
    swapped = array(column.typecode, column)
    swapped.byteswap()
    return swapped


class _NotAProgramError(Exception):
    """What is wrong with a file and what to do, to be put behind its name."""


_DAMAGED = "is cut short or was changed: get it anew, or save the program again"


def _parsed(content: bytes) -> Program:
    """The program of a file's bytes."""
    start = len(_MAGIC) + 8
    if content[: len(_MAGIC)] != _MAGIC:
        raise _NotAProgramError("holds no program of microgrid: give a file that Program.save wrote, as it wrote it")
    if len(content) < start + _CHECKSUM:
        raise _NotAProgramError(_DAMAGED)
    version, length = struct.unpack_from("<II", content, len(_MAGIC))
    if version != _VERSION:
        raise _NotAProgramError(
            f"is of version {version} of the format and this microgrid reads version {_VERSION}: save the program "
            "again with this microgrid, or read it with the one that wrote it"
        )
    if hashlib.sha256(content[:-_CHECKSUM]).digest() != content[-_CHECKSUM:]:
        raise _NotAProgramError(_DAMAGED)
    names, rules, counts = _header(content[start : start + length])
    program = Program(names, *_read_columns(content[start + length : -_CHECKSUM], rules, counts))
    _check(program)
    return program


def _malformed(what: str) -> _NotAProgramError:
    return _NotAProgramError(f"is not what Program.save writes ({what}): save the program again")


def _header(text: bytes) -> tuple[tuple[str, ...], tuple[Rule, ...], dict[str, int]]:
    """The inputs' names, the rules and the lengths of the columns."""
    try:
        header = json.loads(text.decode())
        byteorder, names, rules, counts = [header[key] for key in ("byteorder", "inputs", "rules", "counts")]
        lengths = {name: counts[name] for name in _TYPECODES}
    except (ValueError, LookupError, TypeError, RecursionError):
        raise _malformed("its header can't be read") from None
    if byteorder != "little" or not isinstance(names, list) or not isinstance(rules, list):
        raise _malformed("its header has no byte order, names or rules of the kind")
    if not all([type(length) is int and length >= 0 for length in lengths.values()]):
        raise _malformed("a length of its arrays is no whole number")
    fault = _fault_of_names(names)
    if fault:
        raise _malformed(fault)
    for name in rules:
        if not isinstance(name, str) or name not in RULES:
            raise _NotAProgramError(
                f"uses the rule {name!r}, which this microgrid does not have: read it with the one that wrote it, or "
                "record the program again"
            )
    if len(set(rules)) != len(rules):
        raise _malformed("it names a rule twice")
    return tuple(names), tuple([RULES[name] for name in rules]), lengths


def _read_columns(content: bytes, rules: tuple[Rule, ...], counts: dict[str, int]) -> Columns:
    columns: dict[str, Any] = {name: array(typecode) for name, typecode in _TYPECODES.items()}
    if sum([counts[name] * column.itemsize for name, column in columns.items()]) != len(content):
        raise _malformed("its arrays have other lengths than its header says")
    start = 0
    for name, column in columns.items():
        stop = start + counts[name] * column.itemsize
        column.frombytes(content[start:stop])
        columns[name] = _little_endian(column)
        start = stop
    return Columns(rules=rules, **columns)


def _check(program: Program) -> None:
    """That every column has the meaning that a program gives it."""
    starts, operands = program.starts, program.operands
    if len(starts) != len(program.ops) + 1 or starts[0] != 0 or starts[-1] != len(operands):
        raise _malformed("its operands don't belong to its nodes")
    if program.ops and max(program.ops) >= len(program.rules):
        raise _malformed("a node has a rule beyond the last")
    if operands and min(operands) < 0:
        raise _malformed("an operand has a slot below 0")
    start = 0
    for slot, stop, op in zip(range(program.first_node, 2**62), starts[1:], program.ops, strict=False):
        rule, count = program.rules[op], stop - start
        fits = count == rule.arity if rule.arity else count > 0 and count % len(rule.regions) == 0
        if not fits or stop > len(operands):
            raise _malformed(f"a node of the rule {rule.name} has {count} operands")
        if max(operands[start:stop]) >= slot:
            raise _malformed("an operand is not made before its node")
        start = stop
    if not program.outputs:
        raise _malformed("it has no output")
    if min(program.outputs) < 0 or max(program.outputs) >= program.first_node + len(program.ops):
        raise _malformed("an output is no slot")
