"""Writes the publication edition: report, tables and `publication.json`, of reduced results alone.

What it hides is in none of its files: results are reduced first, and everything is made of those.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from coordinator.report.page import REPORT, report_html
from coordinator.results import staged, to_json, write_tables
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
        told = f"{notice} {NOTICE}".strip()
        page = report_html(edition.results, told, edition.statement)
        (place / REPORT).write_text(page, encoding="utf-8", newline="\n")
        text = json.dumps(as_json(edition), indent=1, ensure_ascii=False, allow_nan=False)
        (place / PUBLICATION).write_text(f"{text}\n", encoding="utf-8", newline="\n")
        write_tables(edition.results, place)
    return edition


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
        with path.open("rb") as file:
            data = json.loads(file.read(MOST_BYTES))
        if data["schema"] != SCHEMA:
            raise EditionFileError(f"{path}: is no edition of schema {SCHEMA}")
        found = {tuple(map(str, one["cell"])): int(one["n"]) for one in data["counts"]}
        named = data["study"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise EditionFileError(f"{path}: is no earlier edition") from None
    if named != study:
        raise EditionFileError(f"{path}: is an edition of another study")
    return found
