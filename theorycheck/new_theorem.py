"""A theorem file to start from: one of the templates, which are theorem files themselves, under a new key."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path

from theorycheck.engine.catalogue import keys
from theorycheck.terminal import replacing

_KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PLACEHOLDER = 'key="new-theorem"'


def loops() -> list[str]:
    """The loops that there is a template for."""
    folder = resources.files("theorycheck") / "data/templates"
    return sorted(entry.name.removesuffix(".py") for entry in folder.iterdir() if entry.name.endswith(".py"))


def template(key: str, loop: str) -> str:
    """The text of a theorem file with this key, about one of `loops()`."""
    if loop not in loops():
        raise ValueError(f"--loop must be one of {', '.join(loops())}, got {loop!r}")
    text = (resources.files("theorycheck") / f"data/templates/{loop}.py").read_text(encoding="utf-8")
    return text.replace(_PLACEHOLDER, f'key="{key}"')


def write(key: str, loop: str, folder: Path = Path()) -> Path:
    """Write the template to `folder`, whole or not at all, and return its path.

    Raises ValueError with one sentence for a name that cannot be a key and a module, a key of the catalogue,
    an unknown loop, a file that is already there, and a folder that cannot be written to.
    """
    if not _KEY.fullmatch(key) or keyword.iskeyword(key):
        raise ValueError(
            "NAME must be lower-case words joined by hyphens and no word of Python's, such as "
            f"best-state-gains, got {key!r}"
        )
    if key in keys():
        raise ValueError(f"NAME must be new, and {key!r} is a theorem of the catalogue")
    text, path = template(key, loop), folder / f"{key.replace('-', '_')}.py"
    if path.exists() or path.is_symlink():
        raise ValueError(f"{path} is already there, and is left as it is")
    with replacing(path, str(path)) as write:
        write(text.encode("utf-8"))
    return path
