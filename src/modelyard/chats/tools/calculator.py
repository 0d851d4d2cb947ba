"""The calculator tool: arithmetic that is exact where possible, bounded in size, and never uses `eval`."""

from __future__ import annotations

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar

from modelyard.chats.tools.base import object_schema, text_argument
from modelyard.core.errors import InvalidParameter

Number = Fraction | float
"""A fraction while the value is exact; a float after a root, a logarithm or the like."""

MOST_CHARACTERS = 500
MOST_BITS = 10_000
"""The most bits of a numerator or denominator: some 3000 digits."""
MOST_DEPTH = 80
MOST_FACTORIAL = 1000
DIGITS = 15
"""Significant digits in the result of numbers that are not whole."""

SIGNS = str.maketrans({"×": "*", "✕": "*", "·": "*", "⋅": "*", "÷": "/", "∕": "/", "−": "-", "–": "-", "—": "-", "^": "**",
                       "，": ",", "、": ",", "【": "(", "】": ")", "[": "(", "]": ")", "π": "pi", "⁄": "/",
                       **{sign: f"**{power}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}})  # fmt: skip
ROOT = re.compile(r"√\s*([\d.]+)?")
OF = re.compile(r"%\s*(?:of\b|的)", re.IGNORECASE)
THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
PERCENT = re.compile(r"%(?=\s*(?:$|[-+*/,)%]))")
EXPONENT = re.compile(r"e([+-]?[\d_]+)", re.IGNORECASE)


class Calculator:
    """Calculates an expression."""

    name: ClassVar[str] = "calculator"
    description: ClassVar[str] = (
        "Calculate an arithmetic expression exactly: + - * / // % (remainder) ** and brackets; a percentage such as "
        "12.5%; sqrt, cbrt, exp, log(x, base), ln, log2, log10, sin, cos, tan, asin, acos, atan, degrees, radians, "
        "abs, round(x, digits), floor, ceil, min, max, sum, mean, gcd, lcm, factorial; pi, e. Angles are in radians. "
        "Use it for every calculation, e.g. round(1299 * 85% - 30, 2)."
    )
    parameters: ClassVar[dict[str, Any]] = object_schema(
        {"expression": {"type": "string", "description": "For example (3 + 4.5) * 20%"}}
    )

    async def call(self, arguments: dict[str, Any]) -> str:
        """Return the result in decimal. Raises `InvalidParameter` for an expression that is no arithmetic or too large."""
        return calculate(text_argument(arguments, "expression"))


def calculate(expression: str) -> str:
    """Return the result of an expression in decimal. Raises `InvalidParameter`."""
    try:
        source = normalise(expression)
        tree = ast.parse(source, mode="eval")
        return decimal(_value(tree.body, source, 0))
    except SyntaxError as error:
        raise _wrong("it is no arithmetic expression.") from error
    except ZeroDivisionError as error:
        raise _wrong("it divides by zero.") from error
    except (OverflowError, MemoryError, RecursionError) as error:
        raise _wrong("its numbers are too large, or its brackets too deep.") from error
    except (ValueError, TypeError) as error:
        raise _wrong(f"it cannot be calculated: {error}.") from error


def normalise(expression: str) -> str:
    """Rewrite an expression as Python: replaces full-width and typographic signs, thousands separators and percentages."""
    if len(expression) > MOST_CHARACTERS:
        raise _wrong(f"it has more than {MOST_CHARACTERS} characters.")
    plain = ROOT.sub(lambda match: f"sqrt({match[1]})" if match[1] else "sqrt", expression)
    plain = OF.sub("% *", unicodedata.normalize("NFKC", plain.translate(SIGNS)).translate(SIGNS))
    plain = " ".join(plain.strip().rstrip("=?").split())
    if not re.search(r"[a-z]\s*\(", plain, re.IGNORECASE):  # the comma in min(1,200) separates two arguments
        plain = THOUSANDS.sub(lambda match: match[0].replace(",", ""), plain)
    while match := PERCENT.search(plain):
        start = _operand(plain, match.start())
        plain = f"{plain[:start]}({plain[start : match.start()]}/100){plain[match.end() :]}"
    return plain


def _operand(plain: str, end: int) -> int:
    """Return where the operand that ends at `end` begins: a number, or a bracket with the name of its function."""
    before = plain[:end].rstrip()
    start = len(before)
    if before.endswith(")"):
        depth = 0
        for start in range(len(before) - 1, -1, -1):
            depth += {")": 1, "(": -1}.get(before[start], 0)
            if depth == 0:
                break
    head = before[:start]
    named = re.search(r"[\w.]+$", head)
    start = named.start() if named else start
    if start == len(before):
        raise _wrong("there is nothing before a percent sign.")
    return start


def _value(node: ast.expr, source: str, depth: int) -> Number:
    if depth > MOST_DEPTH:
        raise RecursionError
    match node:
        case ast.Constant():
            return _constant(node, source)
        case ast.Name(id=name) if name.lower() in CONSTANTS:
            return CONSTANTS[name.lower()]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, source, depth + 1)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, source, depth + 1)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            apply = OPERATORS[type(sign)]
            return _bounded(apply(_value(left, source, depth + 1), _value(right, source, depth + 1)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name.lower() in FUNCTIONS:
            return _bounded(FUNCTIONS[name.lower()](*(_value(each, source, depth + 1) for each in args)))
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name) if name.lower() not in FUNCTIONS:
            raise _wrong(f"there is no '{name}' here; there are {', '.join([*FUNCTIONS, *CONSTANTS])}.")
    raise _wrong(f"'{ast.get_source_segment(source, node)}' is no arithmetic.")


def _constant(node: ast.Constant, source: str) -> Fraction:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        raise _wrong(f"{node.value!r} is no number.")
    if isinstance(node.value, int):
        return Fraction(node.value)
    digits = ast.get_source_segment(source, node) or repr(node.value)
    exponent = EXPONENT.search(digits)
    if exponent and abs(int(exponent[1])) > 400:
        raise OverflowError
    return Fraction(digits.replace("_", ""))


def _bounded(value: Number) -> Number:
    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
            raise OverflowError
        return value
    if not math.isfinite(value):
        raise OverflowError
    return value


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if size > 1 and abs(exponent.numerator) * (size - 1) > MOST_BITS:
            raise OverflowError
        return Fraction(base**exponent.numerator)
    result = float(base) ** float(exponent)
    return result if isinstance(result, float) else _no_real()


def _no_real() -> float:
    raise ValueError("the result is no real number")


def _root(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        exact = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
        if exact * exact == value:
            return exact
    return math.sqrt(value)


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    """Round halves away from zero, as people do."""
    scale = Fraction(10) ** max(-400, min(400, _whole(digits)))
    scaled = abs(Fraction(value)) * scale
    return Fraction(math.floor(scaled + Fraction(1, 2))) / scale * (-1 if value < 0 else 1)


def _whole(value: Number) -> int:
    if value != int(value):
        raise ValueError(f"{decimal(value)} is no whole number")
    return int(value)


def _factorial(value: Number) -> Number:
    if value > MOST_FACTORIAL:
        raise OverflowError
    return Fraction(math.factorial(_whole(value)))


def _mean(*values: Number) -> Number:
    return sum(values, Fraction(0)) / Fraction(len(values))


def _real(function: Callable[..., float]) -> Callable[..., Number]:
    return lambda *values: function(*map(float, values))


def _integral(function: Callable[..., int]) -> Callable[..., Number]:
    return lambda *values: Fraction(function(*values))


OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
FUNCTIONS: dict[str, Callable[..., Number]] = {
    "sqrt": _root,
    "cbrt": _real(math.cbrt),
    "exp": _real(math.exp),
    "log": _real(math.log),
    "ln": _real(math.log),
    "log2": _real(math.log2),
    "log10": _real(math.log10),
    "lg": _real(math.log10),
    **{
        name: _real(getattr(math, name))
        for name in (
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "atan2",
            "sinh",
            "cosh",
            "tanh",
            "degrees",
            "radians",
            "hypot",
        )
    },
    "abs": abs,
    "round": _round,
    "floor": _integral(math.floor),
    "ceil": _integral(math.ceil),
    "min": min,
    "max": max,
    "sum": lambda *values: sum(values, Fraction(0)),
    "mean": _mean,
    "pow": _power,
    "gcd": lambda *values: Fraction(math.gcd(*map(_whole, values))),
    "lcm": lambda *values: Fraction(math.lcm(*map(_whole, values))),
    "factorial": _factorial,
}
CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def decimal(value: Number) -> str:
    """Format a number in decimal: exactly if it is whole or short, else to 15 significant digits."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        exact = value * 10**DIGITS
        if exact.denominator == 1 and abs(value) < 10**DIGITS:
            sign, digits = "-" if exact < 0 else "", str(abs(exact.numerator)).rjust(DIGITS + 1, "0")
            return f"{sign}{digits[:-DIGITS]}.{digits[-DIGITS:]}".rstrip("0")
        value = float(value)
    return f"{value:.{DIGITS}g}"


def _wrong(problem: str) -> InvalidParameter:
    return InvalidParameter("expression", problem)
