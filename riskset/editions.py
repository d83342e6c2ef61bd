"""Editions of a run's results, written from its bundle or its results.json.

The readers' form of a bundle is sealed when the run ends, with the profile's own floors; here it
is only taken out.
"""

from dataclasses import dataclass
from pathlib import Path

from coordinator.bundle import names
from coordinator.bundle.names import BUNDLE
from coordinator.bundle.reader import Bundle, open_bundle, readers_form
from coordinator.bundle.replay import results_of
from coordinator.report.edition import read_cells, read_published, write_edition
from coordinator.report.page import REPORT, write_report
from coordinator.results import read_results, staged, write_into
from protocol.errors import Exit, FederationError
from protocol.results import Results
from protocol.results.publication import Floors, floors, publish
from protocol.results.publication.rules import EditionError
from riskset.runs import OutputError, check_out


class ReadersFormError(FederationError):
    """A bundle is whole, and not of the form that is asked for: nobody tampered with it."""

    code = "readers-form"
    exit = Exit.USAGE


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


def take_out(bundle: Bundle, out: Path, earlier: Path | None) -> tuple[str, ...]:
    """Write the readers' form of a bundle as a file of its own; give what it says of itself.

    Raises
    ------
    OutputError
        If the file is there already.
    ReadersFormError
        If the bundle has no such form, or is one itself.
    EditionError
        If with an edition published before it would show the difference of a few patients (P5).
    """
    if out.exists():
        raise OutputError(f"{out}: is there already", "name a new file with --out")
    if bundle.for_readers:
        raise ReadersFormError("this bundle is of the readers' form already", "give it as it is")
    if names.READER not in bundle.sizes:
        raise ReadersFormError(
            f"{names.READER}: this bundle has no readers' form",
            "publish an edition: riskset report BUNDLE --out FOLDER",
        )
    if earlier is not None:
        _require_apart(results_of(bundle), earlier)
    with readers_form(bundle) as inner:
        _, statement = read_published(inner.body(names.PUBLICATION), names.PUBLICATION)
    out.write_bytes(bundle.body(names.READER))
    return statement


def _require_apart(found: Results, earlier: Path) -> None:
    """Refuse the sealed edition where an earlier one asks for more to be hidden (P5)."""
    before = read_cells(earlier, found.study.id)
    if publish(found, None, before).shown != publish(found).shown:
        raise EditionError(
            "counts of the readers' form differ by a few patients from the earlier edition (P5)",
            "publish an edition that hides them: riskset report BUNDLE --out FOLDER --earlier FILE",
        )


def _read(source: Path) -> tuple[Results, str]:
    """Read results: from a bundle they are worked out of its sums again."""
    path = source / BUNDLE if source.is_dir() else source
    if path.suffix == ".json":
        return read_results(path), ""
    with open_bundle(path) as bundle:
        if bundle.for_readers:
            raise ReadersFormError(
                f"{path}: is of the readers' form, which has no sums",
                "its edition is in it: riskset recompute FILE --out FOLDER writes it",
            )
        return results_of(bundle), bundle.manifest.notice
