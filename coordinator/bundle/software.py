"""Which software made a bundle: versions, and a digest of the sources that computed its numbers."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import coordinator
import protocol
from protocol import PROGRAM_VERSION
from protocol.canonical import Json

LIBRARIES = ("numpy", "scipy", "cryptography", "pydantic", "protobuf", "matplotlib", "jinja2")
PACKAGES = (protocol, coordinator)


@cache
def software() -> Json:
    """Tell versions and digests."""
    return {
        "program": PROGRAM_VERSION,
        "riskset": installed("riskset"),
        "python": platform.python_version(),
        "libraries": {name: installed(name) for name in LIBRARIES},
        "sources": {one.__name__: sources_digest(one) for one in PACKAGES},
    }


def installed(name: str) -> str:
    """Name the installed version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:  # run from a folder of sources
        return "unknown"


def sources_digest(package: ModuleType) -> str:
    """Name a package's Python sources by the SHA-256 of a list of all files with their SHA-256.

    The list has lines as `sha256sum` writes them, in the order of the paths.
    """
    folder = Path(next(iter(package.__path__)))
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
