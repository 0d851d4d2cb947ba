"""Which mutants a Python file has: small changes of its behaviour, each of which a test should notice. Pure.

A mutant replaces one expression or statement of the source text, so that its diff shows nothing else. Documentation, annotations,
logging and sentences for people are left alone: a test that noticed a change of them would test words.
"""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
LOGGERS = ("log", "logger", "logging", "warnings")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: the bytes from `start` to `end` become `text`."""

    path: str
    kind: str
    line: int
    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        """Return the source with the change."""
        data = source.encode()
        return (data[: self.start] + self.text.encode() + data[self.end :]).decode()

    def diff(self, source: str) -> str:
        """Return the change as a unified diff."""
        before, after = source.splitlines(), self.apply(source).splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.path, f"{self.path} ({self.kind})", lineterm="", n=2))

    def key(self, source: str) -> str:
        """Return a name that changes when the file does."""
        text = f"{self.path}:{self.start}:{self.end}:{self.text}:{source}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def mutants(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its text."""
    tree = ast.parse(source)
    offsets = _line_offsets(source)
    found = []
    for node, kind, text in _changes(tree):
        assert isinstance(node, (ast.expr, ast.stmt))
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        found.append(Mutant(path, kind, node.lineno, start, end, text))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.kind, mutant.text))


def _line_offsets(source: str) -> list[int]:
    """Return where each line begins, in bytes, which is what `ast` counts columns in."""
    offsets = [0]
    for line in source.encode().split(b"\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, str]]:
    skipped = _skipped(tree)

    def walk(node: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
        if id(node) in skipped:
            return
        if isinstance(node, ast.stmt):
            yield from _of_statement(node)
        if isinstance(node, ast.expr):
            yield from _of_expression(node)
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    yield from walk(tree)


def _skipped(tree: ast.Module) -> set[int]:
    """Return the ids of nodes that no mutant touches, nor anything below them."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if _is_left_alone(node):
            found.add(id(node))
        if isinstance(node, (ast.AnnAssign, ast.arg)):
            found.add(id(node.annotation))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(id(node.returns))
    return found


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # documentation, and the bodies of protocols
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in LOGGERS
        case ast.Assign(targets=[ast.Name(id="__all__" | "log")]):
            return True
        case ast.Assign(value=ast.Subscript(value=ast.Name(id="Literal" | "Annotated" | "Callable"))):
            return True  # a type under a name
        case ast.JoinedStr() | ast.MatchValue():  # parts of a text or a pattern cannot be replaced by themselves
            return True
    return False


def _of_statement(node: ast.stmt) -> Iterator[tuple[ast.AST, str, str]]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
            yield node, "return None", "return None"
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield node, "statement removed", "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "statement removed", "pass"
        case ast.Continue() | ast.Break():
            yield node, "statement removed", "pass"
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare):
            yield test, "condition negated", _negated(test)


def _is_nothing(node: ast.expr) -> bool:
    """Whether callers could hardly tell a value from None."""
    return isinstance(node, ast.Constant) and node.value in (None, False)


def _negated(test: ast.expr) -> str:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return f"({ast.unparse(test.operand)})"
    return f"(not ({ast.unparse(test)}))"


def _of_expression(node: ast.expr) -> Iterator[tuple[ast.AST, str, str]]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                changed = copy.deepcopy(node)
                changed.ops[place] = COMPARISONS[type(operator)]()
                yield node, "comparison flipped", f"({ast.unparse(changed)})"
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, "and/or swapped", f"({ast.unparse(ast.BoolOp(other, node.values))})"
        case ast.IfExp(test=test):
            yield test, "condition negated", _negated(test)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            changed_sum = ast.BinOp(left, ARITHMETIC[type(operator)](), right)
            yield node, "arithmetic changed", f"({ast.unparse(changed_sum)})"
        case ast.Constant():
            yield from ((node, "constant changed", text) for text in _other_values(node.value))


def _other_values(value: object) -> list[str]:
    """Return what a constant becomes; a text with spaces is a sentence for people, and stays."""
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int):
        return [repr(value + 1), f"({value - 1})"]
    if isinstance(value, float):
        return [repr(value + 1.0)]
    if isinstance(value, str) and value and not any(each.isspace() for each in value):
        return ['""']
    return []
