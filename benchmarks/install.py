"""How much disk the installed package and all that it needs take up."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.report import Row, Section

MOST_BYTES = 520e6
PACKAGE = "riskset"


def measure() -> Section:
    """Add up the files of the package's requirements, extras and tools for developers left out."""
    found = needed(PACKAGE)
    sizes = {name: _size(one) for name, one in found.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    how = (
        "Files of all distributions that `pip install` brings without extras, compiled modules "
        "included where Python has written them; tools for developers are left out."
    )
    rows = [
        Row("distributions", len(found)),
        Row("installed", sum(sizes.values()) / 1e6, "MB", MOST_BYTES / 1e6),
        *(Row(f"— {name}", sizes[name] / 1e6, "MB") for name in largest),
    ]
    return Section("Size of an installation", how, tuple(rows))


def needed(name: str) -> dict[str, Distribution]:
    """Find a distribution and all that it requires here, by canonical name."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop().lower().replace("_", "-")
        if one in found:
            continue
        found[one] = distribution(one)
        waiting += [r.name for r in map(Requirement, found[one].requires or ()) if _applies(r)]
    return found


def _applies(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return False
    try:
        distribution(requirement.name)
    except PackageNotFoundError:
        return False
    return True


def _size(one: Distribution) -> int:
    files = [Path(str(file.locate())) for file in one.files or ()]
    compiled = [Path(cache_from_source(str(f))) for f in files if f.suffix == ".py"]
    return sum(f.stat().st_size for f in {*files, *compiled} if f.is_file())
