"""Keeps which patients were in which released cohorts, and refuses what would single out a few.

Patients are named by keyed hashes, in files beside the ledger whose lines name the files by digest.
They outlive runs: a difference of totals does not grow old.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import lp
from protocol.cohort import Cohort, Flags
from protocol.disclosure_site import Tighter, site_rules
from protocol.patterns import Marks, asked, planned, singles_out
from protocol.plan.model import Plan
from protocol.play import Trip
from site_node.course import parts_of
from site_node.data.snapshot import Snapshot
from site_node.folder import FOLDER_MODE, StateFolder, write_private
from site_node.gate import HeldBackError
from site_node.ledger import Entry, Kind, Ledger, LedgerError

NAME_SIZE = 16
"""Bytes of a patient's keyed hash that are kept: enough that no two are the same."""


@dataclass(frozen=True)
class Patterns:
    """The cohorts that were released from a hospital, by run."""

    folder: StateFolder
    ledger: Ledger

    def entries(
        self, ctx: bytes, trip: int, snapshot: Snapshot, steps: Trip, own: Tighter
    ) -> tuple[Entry, ...]:
        """Write down the cohorts that a trip releases for the first time in its run.

        The first trip with patients brings all cohorts that the plan fixes, so that a run that
        must not be is refused before any of its numbers leaves. The line is for the caller to
        write, together with that of the release.

        Raises
        ------
        HeldBackError
            If with earlier runs they would single out a few patients (rule D).
        LedgerError
            If a file that the ledger names is not as it was written.
        UnavailableError
            If the disk refuses.
        """
        if not any(step.layout().fields for step in steps):
            return ()
        plan, cohort = snapshot.plan, snapshot.cohort
        before = tuple(self._marks(ctx, own=True))
        known = {name for mark in before for name in mark.cohorts}
        fresh = {} if known else planned(plan, cohort)
        fresh |= asked(plan, steps, cohort, {*known, *fresh})
        if not fresh:
            return ()
        new = Marks(_names(cohort), cohort.arm, fresh)
        self._require(ctx, (*before, new), site_rules(plan, own).difference_floor)
        return (Entry(Kind.PATTERNS, ctx, trip, self._written(new)),)

    def require_planned(self, plan: Plan, cohort: Cohort, own: Tighter) -> None:
        """Refuse a plan whose own cohorts would single out a few; for a look beforehand.

        Raises
        ------
        HeldBackError, LedgerError
            As `entries` does.
        """
        new = Marks(_names(cohort), cohort.arm, planned(plan, cohort))
        self._require(b"", (new,), site_rules(plan, own).difference_floor)

    def _require(self, ctx: bytes, now: tuple[Marks, ...], floor: int) -> None:
        if singles_out(tuple(self._marks(ctx, own=False)), now, floor):
            raise HeldBackError(
                f"with what earlier runs released it would single out fewer than {floor} patients "
                "here (rule D)",
                "use the extract and the populations of the earlier runs, or others that differ by "
                "more patients",
            )

    def _marks(self, ctx: bytes, *, own: bool) -> Iterator[Marks]:
        """Read what was released in a run, or in all the others."""
        for line in self.ledger.lines(ctx if own else None, Kind.PATTERNS):
            if own or line.ctx != ctx:
                yield _read(self._path(line.body or b""), line.body or b"")

    def _written(self, marks: Marks) -> bytes:
        raw = _packed(marks)
        named = hashlib.sha256(raw).digest()
        path = self._path(named)
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if not path.exists():
            write_private(path, raw)
        return named

    def _path(self, named: bytes) -> Path:
        return self.folder.path / "patterns" / named.hex()


def _names(cohort: Cohort) -> NDArray[np.bytes_]:
    """Name patients by keyed hashes; in hexadecimal, as NumPy drops zeros at the end of bytes."""
    key = cohort.keyed("patterns")
    names = [
        hmac.digest(key, bytes(one), "sha256")[:NAME_SIZE].hex().encode() for one in cohort.ids
    ]
    return np.array(names, dtype=f"S{2 * NAME_SIZE}")


def _packed(marks: Marks) -> bytes:
    parts: list[bytes | str] = [marks.patients.tobytes(), np.packbits(marks.arm == 1).tobytes()]
    for name, flags in sorted(marks.cohorts.items()):
        parts += [name, np.packbits(flags).tobytes()]
    return lp(*parts)


def _read(path: Path, named: bytes) -> Marks:
    try:
        raw = path.read_bytes()
    except OSError:
        raise LedgerError(f"{path}: is named by the ledger, and cannot be read") from None
    if hashlib.sha256(raw).digest() != named:
        raise LedgerError(f"{path}: is not as it was written")
    ids, arm, *rest = parts_of(raw)
    patients = np.frombuffer(ids, dtype=f"S{2 * NAME_SIZE}")

    def flags(packed: bytes) -> Flags:
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=len(patients))
        return bits.astype(np.bool_)

    pairs = zip(rest[::2], rest[1::2], strict=True)
    cohorts = {name.decode(): flags(packed) for name, packed in pairs}
    return Marks(patients, flags(arm).astype(np.int8), cohorts)
