"""Makes sure that `protocol` and `coordinator` are this system's own packages.

PyPI has packages of both names. A foreign one, or a folder of that name where the command is
started, would be imported in place of ours. This module imports nothing of the system, so that
it can run first.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

NAMES = ("protocol", "coordinator")
_HOUSE = Path(__file__).resolve().parent.parent
_USAGE = 2
STOPPED = 130
"""The exit status of a command that was interrupted, as shells have it."""


def refuse_foreign_packages() -> None:
    """End the command if another package would be imported under one of our names.

    Run it before anything imports `protocol` or `coordinator`. In a checkout as in an installed
    wheel all of our packages lie in one folder, next to `site_node`.

    Raises
    ------
    SystemExit
        With status 2, after one sentence on stderr.
    """
    for name in NAMES:
        folder = _folder(name)
        if folder is not None and folder != _HOUSE / name:
            sys.stderr.write(
                f"error  the package {name!r} in {folder.parent} would be imported in place of "
                f"riskset's own: uninstall it, or start the command in another folder and "
                f"without PYTHONPATH  [foreign-package]\n"
            )
            raise SystemExit(_USAGE)


def _folder(name: str) -> Path | None:
    """Find where a package would be imported from, without importing it."""
    spec = find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    # A single file `protocol.py` is as foreign as a folder.
    return Path(spec.origin or name).resolve()
