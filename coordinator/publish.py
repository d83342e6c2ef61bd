"""Writes a finished run's results and report into a folder of its own."""

from dataclasses import dataclass
from pathlib import Path

from coordinator.results import staged, write_into
from protocol.results import results
from protocol.run import Played

SHORT = 8
"""Characters of a run's id that name it to people."""


@dataclass(frozen=True)
class ResultsFolder:
    """Where results go: `out/<run>/`, all files of a run or none."""

    out: Path

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
        from coordinator.report.page import REPORT, write_report  # noqa: PLC0415 - draws figures

        found = results(played)
        with staged(self.of(played.run_id)) as place:
            write_into(found, place)
            write_report(found, place / REPORT)
