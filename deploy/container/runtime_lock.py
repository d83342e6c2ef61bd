"""Cuts the libraries that the commands need out of `requirements.lock`, with their hashes.

The lock file names development tools too, and says below each library what wants it. Used while an
image is built: `python runtime_lock.py PROJECT_FOLDER [FURTHER_NAME...] > runtime.lock`.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WANTED_BY = re.compile(r"^    #(?: via)?\s+([A-Za-z0-9][A-Za-z0-9._-]*)", re.M)


def entries(lock: str) -> dict[str, str]:
    """Read a lock file: each library's lines, by its name."""
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.M)
    return {name_of(part): part for part in parts if part.strip()}


def name_of(requirement: str) -> str:
    """Read a library's name as the lock file writes it."""
    found = _NAME.match(requirement)
    if found is None:
        raise ValueError(f"no library's name begins {requirement!r}")
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def needed(lock: Mapping[str, str], roots: Iterable[str]) -> set[str]:
    """Find these libraries and all that they want in turn."""
    wanted_by = {name: set(map(name_of, _WANTED_BY.findall(part))) for name, part in lock.items()}
    found = set(roots)
    if missing := found - lock.keys():
        raise ValueError(f"not in the lock file: {', '.join(sorted(missing))}")
    while more := {name for name, by in wanted_by.items() if by & found} - found:
        found |= more
    return found


def runtime_lock(project: Path, further: Iterable[str] = ()) -> str:
    """Write the lock file of what the project's commands need, and of further libraries."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    lock = entries((project / "requirements.lock").read_text(encoding="utf-8"))
    wanted = settings["project"]["dependencies"]
    wanted += settings["project"]["optional-dependencies"]["postgres"]
    names = needed(lock, map(name_of, [*wanted, *further]))
    return "".join(lock[name] for name in sorted(names))


if __name__ == "__main__":
    sys.stdout.write(runtime_lock(Path(sys.argv[1]), sys.argv[2:]))
