"""Filters: rules on variables that decide which rows count.

A filter is text such as ``TG1 > 273.65``, so that it reads the same in a design, on screen and in an
operator's file. The text is parsed to a syntax tree of which only comparisons, arithmetic and logic are
allowed; nothing is ever evaluated as Python.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_ALLOWED = "comparisons (> >= < <= == !=), + - * /, flag bits (name & 4), and, or, not, numbers and variable names"
_LONGEST, _DEEPEST = 2000, 50
_SHOWN = 80


@dataclass(frozen=True)
class Filter:
    """A rule that a row must pass.

    Parameters
    ----------
    expression
        For example ``"TG1 > 273.65"``, ``"(flags & 4) == 0 and snow < 0.01"``. A row in which a variable of
        the rule is missing, or whose arithmetic has no result (0/0), never passes: what cannot be checked is
        not trusted.

    Raises
    ------
    DesignError
        Where the text is no such rule.

    Examples
    --------
    >>> keep = Filter("TG1 > 273.65 and not (flag & 2)")
    >>> sorted(keep.variables)
    ['TG1', 'flag']
    >>> import numpy as np
    >>> keep({"TG1": np.array([270.0, 280.0, 290.0]), "flag": np.array([0, 2, 5])})
    array([False, False,  True])
    """

    expression: str

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise DesignError(f"The filter {self.expression!r} is no text. Write it like 'TG1 > 273.65'.")
        object.__setattr__(self, "expression", self.expression.strip())
        reason = _why_no_rule(self._tree)
        if reason:
            raise DesignError(f"The filter {self._shown} {reason}")

    @property
    def _shown(self) -> str:
        text = self.expression
        return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")

    @cached_property
    def _tree(self) -> ast.expr:
        try:
            if len(self.expression) > _LONGEST:
                raise ValueError
            tree = ast.parse(self.expression, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise DesignError(
                f"The filter {self._shown} cannot be read. Write it like 'TG1 > 273.65'; allowed are {_ALLOWED}."
            ) from None
        if _depth(tree) > _DEEPEST:
            raise DesignError(f"The filter {self._shown} is nested too deeply. Divide it into several filters.")
        return tree

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of the variables that the rule reads."""
        return frozenset(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))

    def __call__(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Evaluate the rule.

        Parameters
        ----------
        values
            Arrays by variable name, of shapes that broadcast.

        Returns
        -------
        numpy.ndarray
            True where the rule holds; of the broadcast shape.
        """
        unknown = [np.isnan(values[name]) for name in sorted(self.variables)]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            holds = _truth(_evaluate(self._tree, values, unknown))
        return np.asarray(reduce(np.logical_and, (~mask for mask in unknown), holds))

    def __str__(self) -> str:
        return self.expression


def _depth(tree: ast.AST) -> int:
    """Return how deep a tree is, without recursion."""
    depth, layer = 0, [tree]
    while layer:
        depth, layer = depth + 1, [child for node in layer for child in ast.iter_child_nodes(node)]
    return depth


def _is_logical(node: ast.expr) -> bool:
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.BinOp(op=ast.BitAnd()):
            return True
    return False


def _why_no_rule(tree: ast.expr) -> str:
    """Say why a tree is no rule: its outermost step must give true or false, and each step be one of ours."""
    for node in ast.walk(tree):
        reason = _why_no_step(node)
        if reason:
            return reason
    if not _is_logical(tree):
        return "is no rule that is true or false. Compare something, as in 'TG1 > 273.65'."
    if not any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        return "names no variable, so it says nothing about a row. Remove it."
    return ""


def _why_no_step(node: ast.AST) -> str:
    """Say why a node has no place in a rule; the empty string where it has."""
    match node:
        case ast.Constant(value=bool()):
            return f"uses True or False. Allowed are {_ALLOWED}."
        case ast.Constant(value=int(value)):
            return "" if value < 2**63 else "has a whole number that is too large. Write it as 1e20."
        case ast.Constant(value=float()):
            return ""
        case ast.Name() | ast.operator() | ast.unaryop() | ast.boolop() | ast.cmpop() | ast.expr_context():
            return ""
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _why_no_truth(operand, "not")
        case ast.UnaryOp(op=op) if type(op) in _SIGNS:
            return ""
        case ast.BoolOp(op=op, values=parts):
            word = "and" if isinstance(op, ast.And) else "or"
            return next((reason for part in parts if (reason := _why_no_truth(part, word))), "")
        case ast.Compare(ops=ops) if not all(type(op) in _COMPARISONS for op in ops):
            foreign = next(type(op).__name__ for op in ops if type(op) not in _COMPARISONS)
            return f"uses {foreign}. Allowed are {_ALLOWED}."
        case ast.Compare(left=left, ops=ops, comparators=rights):
            chained_bits = len(ops) > 1 and any(_is_bits(side) for side in (left, *rights))
            return "mixes & with a chain of comparisons. Write 'and' in place of &." if chained_bits else ""
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return _why_no_bits(left, right)
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            return ""
        case ast.BinOp(op=ast.BitOr()):
            return "uses |. Write 'or' in its place."
    return f"uses {type(node).__name__}. Allowed are {_ALLOWED}."


def _is_bits(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd)


def _why_no_truth(part: ast.expr, word: str) -> str:
    """Refuse ``x > 1 or 2``, which would always be true."""
    if _is_logical(part) or isinstance(part, ast.Name):
        return ""
    text = ast.unparse(part)[:_SHOWN]
    return f"has a part of '{word}' that is no comparison ({text}). Compare it with something."


def _why_no_bits(left: ast.expr, right: ast.expr) -> str:
    """Allow flag bits (names and whole numbers), and comparisons on both sides as pandas has them."""
    sides = (left, right)
    if all(_is_logical(side) and not _is_bits(side) for side in sides):
        return ""
    if all(isinstance(side, ast.Name) or _is_whole(side) for side in sides):
        return ""
    return "uses & for something else than flag bits (name & 4). Write 'and' in its place, or add parentheses."


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and 0 <= node.value < 2**63


def _evaluate(node: ast.expr, values: Mapping[str, NDArray[Any]], unknown: list[NDArray[np.bool_]]) -> Any:
    """Return the value of a step, and note in `unknown` where it has none."""

    def value_of(part: ast.expr) -> Any:
        return _evaluate(part, values, unknown)

    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_truth(value_of(operand))
        case ast.UnaryOp(op=op, operand=operand):
            return _SIGNS[type(op)](_number(value_of(operand)))
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(combine, (_truth(value_of(part)) for part in parts))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [value_of(side) for side in (left, *rights)]
            unknown += [np.isnan(side) for side in sides]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return reduce(np.logical_and, (_COMPARISONS[type(op)](a, b) for op, a, b in pairs))
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return _bits(value_of(left), unknown) & _bits(value_of(right), unknown)
        case ast.BinOp(op=op, left=left, right=right):
            a, b = _number(value_of(left)), _number(value_of(right))
            result = _ARITHMETIC[type(op)](a, b)
            return float(result) if type(a) is type(b) is float else result  # stays a literal
    raise AssertionError(ast.dump(node))  # _why_no_step lets nothing else through


def _truth(value: Any) -> NDArray[np.bool_]:
    return np.asarray(value, dtype=bool)


def _number(value: Any) -> Any:
    """Return whole numbers as float64: small types would overflow, and bools cannot be subtracted."""
    if isinstance(value, int):
        return float(value)
    return value if np.asarray(value).dtype.kind == "f" else np.asarray(value, np.float64)


def _bits(value: Any, unknown: list[NDArray[np.bool_]]) -> NDArray[Any]:
    """Return the bits of flags; those stored as floats, because some are missing, must be whole numbers."""
    array = np.asarray(value)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "f":
        whole = (array == np.trunc(array)) & (np.abs(array) < 2.0**63)
        unknown.append(~whole)
        array = np.where(whole, array, 0)
    return array.astype(np.int64)
