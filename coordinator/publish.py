"""Writes a finished run's results, report and bundle into a folder of its own."""

from dataclasses import dataclass, field
from pathlib import Path

from coordinator.bundle.names import BUNDLE
from coordinator.bundle.write import NOTHING_BESIDE, Beside, write_bundle
from coordinator.results import staged, write_into
from protocol.results import Results, results
from protocol.run import Played

SHORT = 8
"""Characters of a run's id that name it to people."""


@dataclass(frozen=True)
class ResultsFolder:
    """Where results go: `out/<run>/`, all files of a run or none.

    `beside` goes into every bundle, such as the file of the federation.
    """

    out: Path
    beside: Beside = field(default=NOTHING_BESIDE)

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
            write_run(played, place, self.beside)


def write_run(played: Played, place: Path, beside: Beside = NOTHING_BESIDE) -> Results:
    """Write results, report and, where its proof was kept, the bundle into a folder that is there.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from coordinator.report.page import REPORT, write_report  # noqa: PLC0415 - draws figures

    found = results(played)
    write_into(found, place)
    write_report(found, place / REPORT, beside.notice)
    if played.proof is not None:
        write_bundle(place / BUNDLE, played, place, beside)
    return found
