"""Writes the publication edition: report, tables and `publication.json`, of reduced results alone.

What it hides is in none of its files: results are reduced first, and everything is made of those.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from coordinator.report.page import REPORT, report_html
from coordinator.report.tidy import tidy_tables
from coordinator.results import csv_text, from_json, staged, to_json, write_texts
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.results.model import Results
from protocol.results.publication import Edition, Floors, publish

PUBLICATION = "publication.json"
SCHEMA = "riskset-publication/1"
MOST_BYTES = 2**28

NOTICE = "Publication edition: small counts are told in words, and curves are cut."


class EditionFileError(FederationError):
    """A file is no earlier edition of this study."""

    code = "edition-file"
    exit = Exit.USAGE
    fix = "give the publication.json of an earlier edition of the same study"


def write_edition(
    results: Results,
    folder: Path,
    *,
    notice: str = "",
    own: Floors | None = None,
    earlier: Path | None = None,
) -> Edition:
    """Reduce results and write the edition into a folder; all files of it or none.

    Parameters
    ----------
    notice
        A sentence for the banner, such as that patients are synthetic.
    own
        Floors at or above the profile's.
    earlier
        The `publication.json` of an edition that was published before.

    Raises
    ------
    EditionFileError
        If the earlier edition cannot be read, or is another study's.
    """
    before = read_cells(earlier, results.study.id) if earlier else {}
    edition = publish(results, own, before)
    with staged(folder) as place:
        write_texts(edition_texts(edition, notice), place)
    return edition


def edition_texts(edition: Edition, notice: str = "") -> dict[str, str]:
    """Make the files of an edition, name to text."""
    text = json.dumps(as_json(edition), indent=1, ensure_ascii=False, allow_nan=False)
    laid_out = page_and_tables(edition.results, edition.statement, notice)
    return {**laid_out, PUBLICATION: f"{text}\n"}


def page_and_tables(
    reduced: Results, statement: tuple[str, ...], notice: str = ""
) -> dict[str, str]:
    """Lay report and tables out from reduced results alone, name to text."""
    page = report_html(reduced, f"{notice} {NOTICE}".strip(), statement)
    tables = tidy_tables(reduced)
    return {REPORT: page, **{name: csv_text(table) for name, table in tables.items()}}


def read_published(raw: bytes, name: str) -> tuple[Results, tuple[str, ...]]:
    """Read the reduced results of a `publication.json`, and what it says of itself.

    Raises
    ------
    EditionFileError
        If it is none of this version.
    """
    try:
        data = json.loads(raw)
        if data["schema"] != SCHEMA or not all(isinstance(s, str) for s in data["statement"]):
            raise EditionFileError(f"{name}: is no edition of schema {SCHEMA}")
        return from_json(data["results"]), tuple(data["statement"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EditionFileError(f"{name}: holds no results of this version") from None


def as_json(edition: Edition) -> dict[str, Json]:
    """Say what an edition shows; counts by name are for the edition after it."""
    counts: list[Json] = [{"cell": list(cell), "n": n} for cell, n in sorted(edition.shown.items())]
    bound = edition.floors
    return {
        "schema": SCHEMA,
        "study": edition.results.study.id,
        "floors": {
            "count": bound.count,
            "at_risk": bound.at_risk,
            "rounded_to": bound.rounded_to,
            "digits": bound.digits,
        },
        "statement": list(edition.statement),
        "counts": counts,
        "results": to_json(edition.results),
    }


def read_cells(path: Path, study: str) -> Mapping[tuple[str, ...], int]:
    """Read the counts that an earlier edition shows.

    Raises
    ------
    EditionFileError
        If the file is none, or of another study.
    """
    try:
        small = path.stat().st_size <= MOST_BYTES
        data = json.loads(path.read_bytes() if small else b"")
        if data["schema"] != SCHEMA:
            raise EditionFileError(f"{path}: is no edition of schema {SCHEMA}")
        found = {tuple(map(str, one["cell"])): int(one["n"]) for one in data["counts"]}
        named = data["study"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise EditionFileError(f"{path}: is no earlier edition") from None
    if named != study:
        raise EditionFileError(f"{path}: is an edition of another study")
    return found
