"""Looks at this computer: software, the state folder's modes, disk and memory."""

import fcntl
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from stat import S_IMODE

from packaging.requirements import Requirement

from protocol import PROGRAM_VERSION
from protocol.errors import Exit
from site_node.doctor.check import Check, fail, not_tried, ok, warn
from site_node.folder import FILE_MODE, FOLDER_MODE, StateFolder

SOFTWARE, KEYS, DISK, MEMORY, NODE = "Software", "Key files", "Disk", "Memory", "Node"

RUN_BYTES = 20 * 10**6
"""What one run may add to the ledger: some 3 MB of uploads are measured (docs/benchmarks.md), and
what they answer is kept beside them; the rest is room."""

LEAST_DISK_BYTES = 100 * 10**6

BASE_BYTES = 300 * 10**6
ROW_BYTES = 190
"""Ten million rows are measured to take 1.9 GB at most, libraries included (docs/benchmarks.md)."""

SAMPLE_BYTES = 1 << 20

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What can be measured of a computer, in bytes; nothing where it does not say."""

    free_bytes: Callable[[Path], int]
    available_bytes: Callable[[], int | None]
    user: int


def this_machine() -> Machine:
    """Give the computer that this runs on."""
    return Machine(lambda path: shutil.disk_usage(path).free, available_bytes, os.geteuid())


def available_bytes(meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int | None:
    """Read how much memory a new program could take: the system's, or the container's if less."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        most = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return 1024 * kibibytes
    return min(1024 * kibibytes, max(0, most - used))


def software(package: str = "riskset") -> Check:
    """Hold the installed libraries against what the installed package asks for."""
    try:
        wanted = [Requirement(line) for line in requires(package) or ()]
    except PackageNotFoundError:
        return fail(
            SOFTWARE,
            f"{package} is not installed as a package",
            "Its libraries cannot be held against what it asks for.",
            "install it, and start the command that comes with it",
            "software-missing",
        )
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    odd = [problem for one in needed if (problem := _unfit(one))]
    told = f"{package} {version(package)}, study program {PROGRAM_VERSION}, "
    told += f"Python {platform.python_version()}"
    if odd:
        return fail(
            SOFTWARE,
            f"{told}: {'; '.join(odd)}",
            "Other versions of libraries than those tested may fail, or round otherwise.",
            f"install again from the lock file, in an environment of {package}'s own",
            "software-versions",
        )
    return ok(SOFTWARE, f"{told}; its {len(needed)} libraries fit")


def key_files(state: Path, user: int) -> Check:
    """Look whether anybody but the node's account may read its keys. No key is opened."""
    try:
        found = [_mode(state, FOLDER_MODE), *_files(StateFolder(state))]
    except FileNotFoundError:
        return _no_folder(state)
    except OSError:
        return _closed_folder(state)
    wrong = [one for one in found if one.mode & ~one.most]
    strange = [one.path for one in found if one.owner != user]
    if wrong:
        told = f"others may read or write {_listed([one.path for one in wrong])}"
        why = "Whoever reads these keys can answer as this hospital, and undo its masks."
        fix = "; ".join(f"chmod {one.most:o} {one.path}" for one in wrong)
        return fail(KEYS, told, why, fix, "key-mode")
    if strange:
        told = f"{_listed(strange)} belong to another account"
        why = "The node could not read or write them under this account."
        fix = f"run as the account that owns them, or: chown -R {user} {state}"
        return fail(KEYS, told, why, fix, "key-owner")
    return ok(KEYS, "only this account may read them")


def node(state: Path) -> Check:
    """Say whether a node runs on the state folder; its process holds the lock."""
    try:
        with (state / "lock").open("rb") as file:
            # Shared and for a moment only, so that nothing is written and hardly anybody is kept
            # out; a node's own lock is exclusive.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return ok(NODE, "running")
    except OSError:
        return ok(NODE, "never started yet")
    return ok(NODE, "not running")


def disk(state: Path, free_bytes: Callable[[Path], int], max_runs: int) -> Check:
    """Hold the space on the state folder's disk against what the ledger may grow to."""
    try:
        free = free_bytes(_existing(state))
    except OSError:
        return not_tried(DISK, "the disk does not say how much is free")
    need = max(LEAST_DISK_BYTES, max_runs * RUN_BYTES)
    told = f"{size(free)} free; {max_runs} runs may need {size(need)}"
    why = "The node writes all it answers to its ledger first, and stops when it cannot."
    fix = f"free space on the disk of {state}, or move the folder and say so in the settings"
    if free < LEAST_DISK_BYTES:
        return fail(DISK, told, why, fix, "disk-full")
    return ok(DISK, told) if free >= need else warn(DISK, told, why, fix, "disk-low")


def memory(extracts: Sequence[Path], available: int | None) -> Check:
    """Hold the memory that is left against what the rows of each plan's extract need."""
    try:
        rows = sum(estimated_rows(extract) for extract in extracts)
    except OSError:
        return not_tried(MEMORY, "an extract cannot be read")
    need = BASE_BYTES + rows * ROW_BYTES
    told = f"about {rounded(rows)} rows need about {size(need)}"
    if available is None:
        return not_tried(MEMORY, f"this system does not say how much is free; {told}")
    told = f"{size(available)} available; {told}"
    if need <= available:
        return ok(MEMORY, told)
    why = "The node holds the study's columns of all rows in memory, and ends when there is none."
    fix = "close other programs, give the computer or container more, or list fewer plans"
    if 2 * available < need:
        return fail(MEMORY, told, why, fix, "memory-short")
    return warn(MEMORY, told, why, fix, "memory-low")


def estimated_rows(extract: Path) -> int:
    """Estimate an extract's rows from its size and the lines of its first megabyte.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    total = extract.stat().st_size
    with extract.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if not sample:
        return 0
    return max(0, round(sample.count(b"\n") * total / len(sample)) - 1)


def size(count: int) -> str:
    """Write bytes as people read them: "640 MB", "1.9 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def rounded(rows: int) -> str:
    """Write a number of rows to two digits: an estimate knows no more."""
    return f"{int(float(f'{rows:.1e}')):,}"


def _unfit(requirement: Requirement) -> str | None:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    return f"{requirement.name} {found} is not {requirement.specifier}"


@dataclass(frozen=True)
class _Mode:
    """A file's owner and mode, and the most that its mode may be."""

    path: Path
    owner: int
    mode: int
    most: int


def _mode(path: Path, most: int) -> _Mode:
    found = path.stat()
    return _Mode(path, found.st_uid, S_IMODE(found.st_mode), most)


def _files(folder: StateFolder) -> Iterator[_Mode]:
    """Look at what is there; a node that runs makes and deletes keys meanwhile."""
    keys = sorted(folder.runs.iterdir()) if folder.runs.exists() else []
    files = (folder.identity, folder.secret, folder.federation, folder.ledger, *keys)
    for path, most in [(folder.runs, FOLDER_MODE), *((file, FILE_MODE) for file in files)]:
        with suppress(FileNotFoundError):
            yield _mode(path, most)


def _listed(paths: list[Path]) -> str:
    shown = ", ".join(str(path) for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def _closed_folder(state: Path) -> Check:
    told, why = f"{state} may not be entered", "The node keeps its keys and its ledger there."
    fix = "run as the account of the node, or give the folder to this one"
    return fail(KEYS, told, why, fix, "state-unreadable", exit_=Exit.USAGE)


def _no_folder(state: Path) -> Check:
    told, why = f"{state} is not there", "Keys are made on this computer when a hospital joins."
    fix = "join first: riskset-site join; or say in the settings where the node's state lies"
    return fail(KEYS, told, why, fix, "state-missing", exit_=Exit.USAGE)


def _existing(path: Path) -> Path:
    """Give the folder, or the nearest one above it that is there."""
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if one.exists())
