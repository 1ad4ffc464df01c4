"""Formulas of rules as presentation MathML, which browsers typeset and screen readers read out."""

from __future__ import annotations

import ast
from html import escape

from microgrid.core.plain_text import derivatives, formula
from microgrid.core.rule import EVERY_RULE, Rule
from microgrid.util.labels import number

__all__ = ["mathml", "rule_in_mathml"]

_LONGEST = 48  # characters of a formula that is worth reading
_NAMES = {"log": "ln", "sigmoid": "σ", "gamma": "Γ", "digamma": "ψ", "ndtr": "Φ", "pi": "π"}
_CALLS = {
    "exp": "<msup><mi>e</mi>{}</msup>",
    "exp2": "<msup><mn>2</mn>{}</msup>",
    "sqrt": "<msqrt>{}</msqrt>",
    "cbrt": "<mroot>{}<mn>3</mn></mroot>",
    "abs": "<mrow><mo>|</mo>{}<mo>|</mo></mrow>",
    "floor": "<mrow><mo>⌊</mo>{}<mo>⌋</mo></mrow>",
    "ceil": "<mrow><mo>⌈</mo>{}<mo>⌉</mo></mrow>",
}
_SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.Lt: "<", ast.LtE: "≤", ast.Eq: "="}
_SUM, _PRODUCT, _ATOM = range(3)  # how tightly an operation holds its operands


def rule_in_mathml(rule: Rule) -> list[str]:
    """A rule's formula and its local derivatives, on operands x, y and z; nothing where one is long."""
    if EVERY_RULE.get(rule.name) is not rule or rule.arity is None:
        return []
    texts = [formula(rule), *derivatives(rule)]
    return [mathml(text) for text in texts] if max(map(len, texts)) <= _LONGEST else []


def mathml(text: str) -> str:
    """A formula in Python's notation as the inside of a ``<math>``.

    >>> mathml("x/sqrt(y)")
    '<mfrac><mi>x</mi><msqrt><mi>y</mi></msqrt></mfrac>'
    """
    return _written(ast.parse(text, mode="eval").body)


def _written(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=value):
            return f"<mn>{number(float(str(value)))}</mn>"
        case ast.Name(id=name):
            return _name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"<mrow><mo>−</mo>{_held(operand, _PRODUCT)}</mrow>"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac>{_written(left)}{_written(right)}</mfrac>"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"<msup>{_held(left, _ATOM)}{_written(right)}</msup>"
        case ast.BinOp(left=left, op=op, right=right):
            tight = _PRODUCT if isinstance(op, ast.Mult | ast.Sub) else _SUM
            first = _held(left, _PRODUCT if isinstance(op, ast.Mult) else _SUM)
            return f"<mrow>{first}{_sign(op)}{_held(right, tight)}</mrow>"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"<mrow>{_written(left)}{_sign(op)}{_written(right)}</mrow>"
        case ast.IfExp():
            return f'<mrow><mo>{{</mo><mtable columnalign="left">{_cases(node)}</mtable></mrow>'
        case ast.Call(func=ast.Name(id=name), args=operands):
            return _call(name, [_written(operand) for operand in operands])
    raise ValueError(f"no formula of a rule: {ast.dump(node)}")


def _sign(op: ast.AST) -> str:
    return f"<mo>{escape(_SIGNS[type(op)])}</mo>"


def _name(name: str) -> str:
    return f"<mi>{_NAMES.get(name, name)}</mi>"


def _held(node: ast.expr, tight: int) -> str:
    """An operand, in parentheses if it holds together less tightly than what is made of it."""
    own = _ATOM
    if isinstance(node, ast.UnaryOp | ast.IfExp) or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    ):
        own = _SUM
    elif isinstance(node, ast.BinOp):
        own = _PRODUCT
    return _written(node) if own >= tight else f"<mrow><mo>(</mo>{_written(node)}<mo>)</mo></mrow>"


def _call(name: str, operands: list[str]) -> str:
    if name in _CALLS:
        return _CALLS[name].format(operands[0])
    return f"<mrow>{_name(name)}<mo>&#x2061;</mo><mo>(</mo>{'<mo>,</mo>'.join(operands)}<mo>)</mo></mrow>"


def _cases(node: ast.expr) -> str:
    if isinstance(node, ast.IfExp):
        row = f"<mtr><mtd>{_written(node.body)}</mtd><mtd><mtext>if </mtext>{_written(node.test)}</mtd></mtr>"
        return row + _cases(node.orelse)
    return f"<mtr><mtd>{_written(node)}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>"
