"""A hospital's rows as a node answers from them: read once at start, and pinned by digest.

A file that changes later counts from the next start on. Until then new runs are refused, since the
operator means the new rows; runs that began with the old rows go on with them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.canonical import digest
from protocol.cohort import Cohort, enrol
from protocol.errors import FederationError, Problem, ProblemsError
from protocol.ids import SiteId
from protocol.plan.model import Plan
from site_node.config import PlanFiles, SiteConfig, read_approved
from site_node.data.check import read_extract
from site_node.data.mapping import read_mapping


class SnapshotError(FederationError):
    """A file changed since the node read it."""

    code = "snapshot"
    fix = "restart the node so that it reads the file anew; a run that is open ends by it"


@dataclass(frozen=True)
class PinnedFile:
    """A file as it was read. `stamp` is its time, size and place on the disk."""

    path: Path
    stamp: tuple[int, ...]
    sha256: bytes

    def require_same(self) -> None:
        """Refuse a file whose bytes are others now; one that was only touched is read again.

        Raises
        ------
        SnapshotError
            Naming the file.
        """
        if _stamp(self.path) != self.stamp and _hashed(self.path) != self.sha256:
            raise SnapshotError(f"{self.path}: is not the file that the node read when it started")


@dataclass(frozen=True)
class Snapshot:
    """A plan's patients, and the files that they were read from."""

    plan: Plan
    cohort: Cohort
    files: tuple[PinnedFile, ...]

    @property
    def digest(self) -> bytes:
        """Name the content of the files, 32 bytes: what a run's line in the ledger pins."""
        return digest("files", *(file.sha256 for file in self.files))

    def require_same(self) -> None:
        """Refuse to begin with rows that are no longer in the files.

        Raises
        ------
        SnapshotError
            Naming the file that changed.
        """
        for file in self.files:
            file.require_same()


def load_snapshots(config: SiteConfig, secret: bytes) -> Mapping[bytes, Snapshot]:
    """Read the rows of every approved plan, by the plans' digests.

    `secret` is the hospital's own, 32 bytes, behind salts and lottery numbers.

    Raises
    ------
    ProblemsError
        If a plan, mapping or extract is not as it has to be; all files' problems at once.
    """
    approved = read_approved(config)
    found: dict[bytes, Snapshot] = {}
    problems: list[Problem] = []
    for name, (plan, files) in approved.items():
        try:
            found[name] = load_snapshot(config.site, plan, files, secret)
        except ProblemsError as error:
            place = f"{plan.study.id}: {error.subject}"
            problems += [Problem(f"{place}: {p.where}", p.rule, p.fix) for p in error.problems]
    if problems:
        raise ProblemsError("the hospital's files", problems)
    return found


def load_snapshot(site: SiteId, plan: Plan, files: PlanFiles, secret: bytes) -> Snapshot:
    """Read the rows of one plan.

    Raises
    ------
    ProblemsError
        If the mapping or the extract is not as the plan asks, or changes while it is read.
    """
    pinned = [_pinned(path) for path in (files.extract, files.mapping) if path is not None]
    mapping = read_mapping(files.mapping, plan) if files.mapping else None
    extract = read_extract(files.extract, plan, mapping).extract
    for file in pinned:
        if _stamp(file.path) != file.stamp:
            rule = "changed while it was read"
            fix = "start again once the export has ended"
            raise ProblemsError(str(file.path), [Problem("the file", rule, fix)])
    return Snapshot(plan, enrol(plan, site, extract, secret), tuple(pinned))


def _pinned(path: Path) -> PinnedFile:
    # In this order: a file that changes between the two is told by its stamp.
    return PinnedFile(path, _stamp(path), _hashed(path))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _hashed(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""
