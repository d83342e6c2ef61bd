"""Writes a finished run's results, report and bundle into a folder of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from coordinator.bundle.approvals import approval_files, conditions
from coordinator.bundle.closing import runs_of
from coordinator.bundle.names import BUNDLE
from coordinator.bundle.write import NOTHING_BESIDE, Beside, write_bundle
from coordinator.proposals import kept_approvals
from coordinator.results import staged, write_into
from coordinator.store import Store
from protocol.plan.digest import plan_digest
from protocol.results import Results, results
from protocol.run import Played

SHORT = 8
"""Characters of a run's id that name it to people."""

Approvals = Callable[[Played], Mapping[str, bytes]]


def nothing_said(played: Played) -> Mapping[str, bytes]:
    """Give no approval: where nobody was asked."""
    del played
    return {}


def approvals_of(store: Store, played: Played) -> Mapping[str, bytes]:
    """Give what hospitals said about a run's plan under its roster."""
    named = plan_digest(played.plan), played.roster_digest
    return approval_files(kept_approvals(store, *named))


@dataclass(frozen=True)
class ResultsFolder:
    """Where results go: `out/<run>/`, all files of a run or none.

    `beside` goes into every bundle, such as the file of the federation; `approvals` gives what
    hospitals said about a run's plan, as members of its bundle.
    """

    out: Path
    beside: Beside = field(default=NOTHING_BESIDE)
    approvals: Approvals = nothing_said

    def of(self, run_id: bytes) -> Path:
        """Name the folder of a run."""
        return self.out / run_id.hex()[:SHORT]

    def publish(self, played: Played) -> None:
        """Work out the results and write all files; a second time writes the same again.

        Raises
        ------
        OSError
            If they cannot be written; nothing is there then.
        """
        with staged(self.of(played.run_id)) as place:
            beside = replace(self.beside, approvals=self.approvals(played))
            write_run(played, place, beside)


def write_run(played: Played, place: Path, beside: Beside = NOTHING_BESIDE) -> Results:
    """Write results and report into a folder that is there, and the bundle in both its forms.

    There is no bundle of a run whose proof was not kept.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from coordinator.report.edition import write_edition  # noqa: PLC0415 - draws figures
    from coordinator.report.page import REPORT, write_report  # noqa: PLC0415

    done = () if played.proof is None else played.proof.done
    found = results(played, conditions(beside.approvals), runs_of(done))
    write_into(found, place)
    write_report(found, place / REPORT, beside.notice)
    if played.proof is not None:
        with TemporaryDirectory(prefix="riskset-edition-") as folder:
            published = Path(folder)
            write_edition(found, published, notice=beside.notice)
            write_bundle(place / BUNDLE, played, place, beside, published)
    return found
