"""Promoting rivals in the text of a theorem file."""

import ast
from collections.abc import Iterator


def promotions(text: str) -> Iterator[tuple[str, str]]:
    """(claim, text with its first rival promoted): the rival's overrides become the claim's own defaults."""
    tree = ast.parse(text)
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        for decorator in function.decorator_list:
            rivals = next(k.value for k in decorator.keywords if k.arg == "rivals")
            arguments = function.args.args[-len(function.args.defaults) :]
            changed = text
            for keyword in rivals.values[0].keywords:
                old = dict(zip([a.arg for a in arguments], function.args.defaults, strict=True))[keyword.arg]
                was = f"{keyword.arg}={ast.get_source_segment(text, old)}"
                signature = ast.get_source_segment(text, function).split("\n", 1)[0]
                becomes = f"{keyword.arg}={ast.get_source_segment(text, keyword.value)}"
                promoted = signature.replace(was, becomes)
                assert promoted != signature
                changed = changed.replace(signature, promoted)
            yield function.name, changed
