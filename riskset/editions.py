"""Editions of a run's results, written from its bundle or its results.json."""

from dataclasses import dataclass
from pathlib import Path

from coordinator.bundle.names import BUNDLE
from coordinator.bundle.reader import open_bundle
from coordinator.bundle.replay import replayed
from coordinator.report.edition import write_edition
from coordinator.report.page import REPORT, write_report
from coordinator.results import read_results, staged, write_into
from protocol.results import Results, results
from protocol.results.publication import Floors, floors
from riskset.runs import check_out


@dataclass(frozen=True)
class Wanted:
    """Which edition: the floors where they are to be higher than the profile's (None: its own)."""

    publication: bool
    floor: int | None = None
    at_risk: int | None = None
    earlier: Path | None = None

    def floors(self, profile: str) -> Floors:
        """Join the wish with the profile: the strictest binds.

        Raises
        ------
        EditionError
            If a wish is below the profile's floor.
        """
        return floors(profile).tightened(self.floor, self.at_risk)


def write_editions(source: Path, out: Path, wanted: Wanted) -> tuple[str, ...]:
    """Write an edition into an empty folder; give what it says of itself.

    Raises
    ------
    FederationError
        If the source is no bundle and no results, or `out` is not empty.
    """
    check_out(out, ())
    found, notice = _read(source)
    if wanted.publication:
        own, earlier = wanted.floors(found.study.profile), wanted.earlier
        return write_edition(found, out, notice=notice, own=own, earlier=earlier).statement
    with staged(out) as place:
        write_into(found, place)
        write_report(found, place / REPORT, notice)
    return ()


def _read(source: Path) -> tuple[Results, str]:
    """Read results: from a bundle they are worked out of its sums again."""
    path = source / BUNDLE if source.is_dir() else source
    if path.suffix == ".json":
        return read_results(path), ""
    with open_bundle(path) as bundle:
        return results(replayed(bundle)), bundle.manifest.notice
