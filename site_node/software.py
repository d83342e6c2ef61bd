"""Names the program that runs here, by the files that are installed (SPEC 4.8)."""

from collections.abc import Iterator
from pathlib import Path

import protocol
import site_node
from protocol.governance.software import software_digest
from site_node.folder import UnavailableError

_PACKAGES = (protocol, site_node)


def installed_software() -> bytes:
    """Hash all files of `protocol` and `site_node`: 32 bytes, other ones after any change.

    Raises
    ------
    UnavailableError
        If a file cannot be read.
    """
    try:
        return software_digest(dict(_files()))
    except OSError as error:
        raise UnavailableError(
            f"{error.filename}: {(error.strerror or 'cannot be read').lower()}",
            "install riskset anew",
        ) from None


def _files() -> Iterator[tuple[str, bytes]]:
    for package in _PACKAGES:
        home = Path(next(iter(package.__path__)))
        for path in home.rglob("*"):
            # What Python itself writes beside the files says nothing that they do not say.
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(home.parent).as_posix(), path.read_bytes()
