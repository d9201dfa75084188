"""One commented file to start from."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path
from typing import Literal

from weightbench.errors import BadSpec
from weightbench.files import is_portable, write_text

Kind = Literal["weighter", "task"]
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def scaffold(kind: Kind, name: str, folder: Path) -> tuple[Path, str]:
    """Write a file that passes ``weightbench check`` as it stands.

    Args:
        kind: what to write.
        name: lower-case words joined by hyphens; ``small-loss`` makes ``small_loss.py``.
        folder: where.

    Returns:
        The file, and the spec of what it defines.

    Raises:
        BadSpec: the name cannot be one, or there is such a file already.
        StoreError: the file cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > 60 or not is_portable(name):
        raise BadSpec(f"{name[:80]!r} is no name: use lower-case words joined by hyphens")
    path = folder / f"{name.replace('-', '_')}.py"
    if path.exists():
        raise BadSpec(f"{path} is there already; nothing was written")
    words = [word.capitalize() for word in name.split("-")]
    template = importlib.resources.files("weightbench.commands") / "templates" / f"{kind}.txt"
    text = template.read_text("utf-8").replace("NAME", name).replace("Mine", "".join(words))
    write_text(path, text)
    return path, f"{path.name}:{'TASK' if kind == 'task' else ''.join(words)}"
