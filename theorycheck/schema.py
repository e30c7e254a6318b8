"""Whether a JSON value is what a schema says: the words of JSON Schema that `data/run.schema.json` uses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

Schema = Mapping[str, Any]
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list, "boolean": bool, "integer": int, "null": type(None), "number": (int, float),
    "object": dict, "string": str,
}  # fmt: skip
SILENT = {"$schema", "$defs", "title", "description"}


@cache
def run_schema() -> Schema:
    """The schema of a run, as it is shipped."""
    schema: Schema = json.loads(
        (resources.files("theorycheck") / "data/run.schema.json").read_text(encoding="utf-8")
    )
    return schema


def fits(value: Any, schema: Schema, root: Schema | None = None) -> bool:
    """Whether `value`, as `json.loads` gives it, obeys the schema; NaN and infinities are no numbers.

    `root` holds the definitions that `$ref` names, by default the schema itself. KeyError for a keyword that
    is not known here.
    """
    root = schema if root is None else root
    return all(RULES[word](value, told, schema, root) for word, told in schema.items() if word not in SILENT)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name]) and not (isinstance(value, float) and not math.isfinite(value))


def _named(value: Any, path: str, schema: Schema, root: Schema) -> bool:
    return fits(value, root["$defs"][path.rpartition("/")[2]], root)


def _typed(value: Any, names: str | list[str], *_: Schema) -> bool:
    return any(_is(value, name) for name in ([names] if isinstance(names, str) else names))


def _constant(value: Any, told: Any, *_: Schema) -> bool:
    return type(value) is type(told) and value == told


def _properties(value: Any, told: Schema, schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(fits(value[k], told[k], root) for k in value.keys() & told)


def _others(value: Any, told: bool | Schema, schema: Schema, root: Schema) -> bool:
    others = value.keys() - schema.get("properties", {}) if isinstance(value, dict) else ()
    return all(told if isinstance(told, bool) else fits(value[k], told, root) for k in others)


def _bound(holds: Callable[[Any, Any], bool], of: Callable[[Any], Any], *types: type) -> Callable[..., bool]:
    """A bound on a number, or on a size; it says nothing of values of other types."""
    return lambda value, told, *_: not isinstance(value, types) or holds(of(value), told)


RULES: dict[str, Callable[[Any, Any, Schema, Schema], bool]] = {
    "$ref": _named,
    "type": _typed,
    "const": _constant,
    "enum": lambda value, told, *_: any(_constant(value, one) for one in told),
    "oneOf": lambda value, told, _, root: sum(fits(value, one, root) for one in told) == 1,
    "required": lambda value, told, *_: not isinstance(value, dict) or value.keys() >= set(told),
    "properties": _properties,
    "additionalProperties": _others,
    "items": lambda value, told, _, root: (
        not isinstance(value, list) or all(fits(one, told, root) for one in value)
    ),
    "minItems": _bound(lambda size, least: size >= least, len, list),
    "maxItems": _bound(lambda size, most: size <= most, len, list),
    "minLength": _bound(lambda size, least: size >= least, len, str),
    "pattern": _bound(lambda text, pattern: re.search(pattern, text) is not None, str, str),
    "minimum": _bound(lambda number, least: number >= least, lambda x: x, int, float),
    "exclusiveMinimum": _bound(lambda number, below: number > below, lambda x: x, int, float),
    "exclusiveMaximum": _bound(lambda number, above: number < above, lambda x: x, int, float),
}
