"""The changes that `mutants.py` makes: a constant, an index, a sign, an operator, a comparison."""

import ast
import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator

SWAPS = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.Pow: ("**", "*"),
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.And: ("and", "or"), ast.Or: ("or", "and"),
}  # fmt: skip
TWINS = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed copy of `file`; `name` tells what changed without a line number."""

    file: str
    line: int
    name: str
    source: bytes = dataclasses.field(repr=False)


def mutants(file: str, source: bytes) -> list[Mutant]:
    """All mutants of a source file, in the order of the text."""
    lines = source.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    found, seen = [], Counter()
    edits = {
        (edit, where) for node, where in _walk(ast.parse(source)) for edit in _edits(node, source, offsets)
    }
    for (start, end, new), where in sorted(edits):
        row = max(i for i, offset in enumerate(offsets) if offset <= start)
        old, begin = source[start:end].decode(), offsets[row]
        text = source[begin:start].decode() + f"[[{old} -> {new}]]" + source[end : offsets[row + 1]].decode()
        name = f"{file}:{where}: {text.split('  # ')[0].strip()}"
        seen[name] += 1
        if seen[name] > 1:
            name += f" (#{seen[name]})"
        found.append(Mutant(file, row + 1, name, source[:start] + new.encode() + source[end:]))
    return found


def _walk(node: ast.AST, where: str = "<module>") -> Iterator[tuple[ast.AST, str]]:
    """Nodes that matter to a result, each with its function.

    Not annotations, nor what an error says, nor the `strict` of a zip, which guards against ourselves.
    Constants below 1e−6 are tolerances, or guards against a division by 0: a tenth more is not wrong.
    """
    if isinstance(node, ast.Raise | ast.JoinedStr) or getattr(node, "arg", "") == "strict":
        return
    if isinstance(node, ast.FunctionDef):
        where = node.name
    yield node, where
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _walk(child, where)


def _edits(node: ast.AST, source: bytes, offsets: list[int]) -> Iterator[tuple[int, int, str]]:
    """Changes of this very node: (start, end, new text), in bytes."""

    def begin(n):
        return offsets[n.lineno - 1] + n.col_offset

    def end(n):
        return offsets[n.end_lineno - 1] + n.end_col_offset

    def between(left, right, operator):
        if type(operator) in SWAPS:
            old, new = SWAPS[type(operator)]
            at = source.index(old.encode(), end(left), begin(right))
            yield at, at + len(old), new

    match node:
        case ast.BinOp():
            yield from between(node.left, node.right, node.op)
        case ast.AugAssign():
            yield from between(node.target, node.value, node.op)
        case ast.Compare():
            sides = itertools.pairwise([node.left, *node.comparators])
            for (left, right), operator in zip(sides, node.ops, strict=True):
                yield from between(left, right, operator)
        case ast.BoolOp():
            for left, right in itertools.pairwise(node.values):
                yield from between(left, right, node.op)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            # A parenthesis around the operand stays.
            sign = source[begin(node) : begin(node.operand)].partition(b"(")[0]
            yield begin(node), begin(node) + len(sign), ""
        case ast.Subscript(slice=ast.Tuple(elts=[*_, ast.Name(id=a) as first, ast.Name(id=b) as last])) if (
            a != b
        ):
            yield begin(first), end(last), f"{b}, {a}"
        case ast.Constant(value=bool(value)):
            yield begin(node), end(node), str(not value)
        case ast.Constant(value=int(value)):
            yield begin(node), end(node), str(value + 1)
        case ast.Constant(value=float(value)) if not 0 < value < 1e-6:
            yield begin(node), end(node), repr(float(f"{value * 1.1 if value else 1:.6g}"))
        case ast.Name(id=name) if name in TWINS:
            yield begin(node), end(node), TWINS[name]
        case ast.Attribute(attr=name) if name in TWINS:
            yield end(node) - len(name), end(node), TWINS[name]
