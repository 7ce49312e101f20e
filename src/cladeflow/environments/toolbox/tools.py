"""The two tools, and the grammar in which an agent calls them, one call per line."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cladeflow.records import ToolSpec

LONGEST_EXPRESSION = 64
"""Characters. Bounds the parse, and with the operators there are, every intermediate result."""

SPECS = (
    ToolSpec(name="lookup", arguments={"key": {"type": "string"}}),
    ToolSpec(name="calc", arguments={"expression": {"type": "string"}}),
)

_ACTION = re.compile(r"(?:(lookup|calc) (.+)|(answer) (-?[0-9]{1,64}))\n?")
_EXPRESSION = re.compile(r"[-+*() 0-9]+")
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class Refused(ValueError):
    """A call that a tool does not take."""


class Action(NamedTuple):
    """A line of an agent: ``lookup KEY``, ``calc EXPRESSION`` or ``answer NUMBER``."""

    verb: str
    argument: str


def parse_action(line: str) -> Action | None:
    """The action of a whole turn, or None where it is none."""
    match = _ACTION.fullmatch(line)
    if match is None:
        return None
    verb, argument = (group for group in match.groups() if group is not None)
    return Action(verb, argument)


def call(action: Action, table: Mapping[str, str]) -> str:
    """What the tool answers; raises `Refused`."""
    if action.verb == "calc":
        return str(calculate(action.argument))
    if action.argument not in table:
        raise Refused(f"no such key: {action.argument}")
    return table[action.argument]


def calculate(expression: str) -> int:
    """The value of whole numbers under +, - and *; raises `Refused` for anything else.

    At most 64 characters, so the largest value has fewer than 64 digits.
    """
    if len(expression) > LONGEST_EXPRESSION or not _EXPRESSION.fullmatch(expression):
        raise Refused("not a short sum or product of whole numbers")
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except SyntaxError:
        raise Refused("not an expression") from None


def _value(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
        case _:
            raise Refused("only whole numbers, +, - and *")
