"""``Program``: a recorded graph as flat arrays, the stepping stone of everything that runs it faster than ``Value``.

How a graph is lowered stands in ``lowering``; how a program becomes native code is decided in the compiler. Here are
its evaluation and pullback in any arithmetic, and its listing.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.core.adjoints import Adjoints
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.engine import Value, as_value, recorder
from microgrid.core.rule import Rule
from microgrid.errors import DataError, InvalidValueError
from microgrid.program.lowering import lower
from microgrid.util.wording import counted

__all__ = ["Program"]


@public()
@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """A recorded graph as flat arrays: what is computed from what, without the numbers that it was recorded at.

    Every number has a *slot*: inputs first, then constants, then nodes in topological order, operands before what is
    made of them. ``Program.record`` makes a program of Values. It is immutable by convention: its arrays are
    never written to.

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

        A node that depends on no input is evaluated at its leaves' data as it is now and becomes a constant, whatever
        it was recorded at; equal constants are one, and what no output needs is left out. The order of the nodes is
        that of ``graph.topological_order``.

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
        of_each = {"input": self.inputs, "constant": self.constants, "node": self.ops, "output": self.outputs}
        *counts, outputs = [counted(len(those), name) for name, those in of_each.items()]
        return f"<program of {', '.join(counts)} and {outputs}>"

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
        adjoint. A constant gets nothing, nor does what a choice didn't take.

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
        inputs, first_node = len(self.inputs), self.first_node
        adjoints = Adjoints(m, start=zero)
        for slot, seed in zip(self.outputs, seeds, strict=True):
            if seed is not None and not inputs <= slot < first_node:
                adjoints.hand(slot, seed)
        functions = [m.bind(rule)[1] for rule in self.rules]
        for node in range(len(self.ops) - 1, -1, -1):
            out = first_node + node
            if out not in adjoints.sums:
                continue
            operands = self.operands[self.starts[node] : self.starts[node + 1]]
            partials = functions[self.ops[node]](values[out], *[values[slot] for slot in operands])
            edges = [pair for pair in zip(operands, partials, strict=True) if not inputs <= pair[0] < first_node]
            adjoints.hand_back(out, self.rules[self.ops[node]], edges)
        return [adjoints.of(slot) if slot in adjoints.sums else None for slot in range(slots)]

    # ---- reading it -------------------------------------------------------------------------------------------

    def listing(self) -> str:
        """The program as text, one line for each slot.

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
            lines.append(
                f"{names[slot]} = {rule.name}({_arguments_text(rule, [names[operand] for operand in operands])})"
            )
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
    first: dict[str, int] = {}
    for place, label in enumerate(labels):
        fault = ""
        if not isinstance(label, str) or not label:
            fault = f"the name of input {place} is {label!r}, which is no text or an empty one"
        elif first.setdefault(label, place) != place:
            fault = f"inputs {first[label]} and {place} are both named {label!r}"
        if fault:
            raise DataError(f"{fault}: give distinct ones as names=[...]")
    return tuple(labels)


def _check_count(given: Sequence[Any], what: str, wanted: int, of: str, fix: str) -> None:
    if len(given) != wanted:
        raise DataError(f"got {len(given):,} {what} for {wanted:,} {of}: give {fix}")


# ---- text -----------------------------------------------------------------------------------------------------


def _unlike(letter: str, names: Sequence[str]) -> str:
    """The letter, lengthened until no name is the letter and a number."""
    while any([name.startswith(letter) and name[len(letter) :].isdecimal() for name in names]):
        letter += "_"
    return letter


def _arguments_text(rule: Rule, operands: list[str]) -> str:
    if rule.arity is not None:
        return ", ".join(operands)
    length = len(operands) // len(rule.regions)
    lists = [operands[start : start + length] for start in range(0, len(operands), length)]
    return ", ".join([f"[{', '.join(one)}]" for one in lists])
