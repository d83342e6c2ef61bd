"""A reference case as it lies on disk: a dictionary, one file of rows a hospital, selections.

Rows are read as R's `read.csv(na.strings = "")` reads them, and stay apart by hospital. What the
columns mean for a study is in `terms`.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Texts = list[str]
Rows = Mapping[str, Texts]
Words = Mapping[str, Any]

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
SITE = "site"
"""Name of the column with the hospital, under which R reports its effects."""

_LOGICAL = {"TRUE": "1", "true": "1", "T": "1", "FALSE": "0", "false": "0", "F": "0"}
_SELECTION = re.compile(r"match\.(.+)\.weights")


@dataclass(frozen=True, eq=False)
class Case:
    """The rows of a case by hospital, columns as texts ("" missing), and its dictionary.

    `selections` are weights of patients by id, as given: {name: {id: weight}}.
    """

    dictionary: Words
    sites: Mapping[str, Rows]
    selections: Mapping[str, Mapping[str, float]]

    def pooled(self, column: str) -> Texts:
        """Look at a column of all hospitals, to learn what values there are."""
        return [text for rows in self.sites.values() for text in rows[column]]

    def there(self, column: str) -> Texts:
        """Look at the values of a column that are not missing."""
        return [text for text in self.pooled(column) if text]

    def numbers(self, column: str) -> list[float]:
        """Read the values of a column that are not missing as numbers.

        Raises
        ------
        ValueError
            If a value is no number, though the dictionary calls the column one.
        """
        if column not in self.numeric:
            raise ValueError(f"the column '{column}' holds text where numbers are expected")
        return [float(text) for text in self.there(column)]

    @cached_property
    def numeric(self) -> frozenset[str]:
        """Names of the columns in which every value is a number."""
        names = next(iter(self.sites.values())).keys()
        return frozenset(n for n in names if all(map(_NUMBER.fullmatch, self.there(n))))

    @property
    def ids(self) -> str:
        """Name of the column with the patients' ids."""
        return str(self.dictionary.get("id_column", "id"))


def read_case(folder: Path) -> Case:
    """Read a folder with `dictionary.json`, `sites/*.csv` and, if there, the given selections.

    Raises
    ------
    ValueError
        If there is no file of rows, or the files have different columns.
    """
    dictionary = json.loads((folder / "dictionary.json").read_text(encoding="utf-8"))
    records = [
        {None: file.stem, **record}
        for file in sorted((folder / "sites").glob("*.csv"), key=lambda f: f.name.encode())
        for record in _records(file)
    ]
    if not records:
        raise ValueError(f"{folder}: there is no row under sites/")
    names = [name for name in records[0] if name is not None]
    if any(record.keys() != records[0].keys() for record in records):
        raise ValueError(f"{folder}: the files under sites/ have different columns")
    columns = {name: _tidy([record[name] or "" for record in records]) for name in names}
    by = columns.get(str(dictionary.get("site_column", "site")), [r[None] for r in records])
    return Case(dictionary, _apart(columns, by), _selections(folder / "expected" / "match.json"))


def same(text: str, wanted: object) -> bool:
    """Compare a value with one of the dictionary: as numbers if both are, else as texts.

    A list in the dictionary stands for any of its entries.
    """
    if isinstance(wanted, list | tuple):
        return any(same(text, one) for one in wanted)
    if not text:
        return False
    try:
        return float(text) == float(str(int(wanted) if isinstance(wanted, bool) else wanted))
    except ValueError:
        return text == str(wanted)


def _records(file: Path) -> list[dict[Any, str]]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def _tidy(texts: Texts) -> Texts:
    """Mark blanks as missing, and write numbers and logical values in one way."""
    texts = ["" if text.isspace() else text for text in texts]
    if all(text in _LOGICAL for text in texts if text):
        return [_LOGICAL.get(text, "") for text in texts]
    known = [text for text in texts if text not in ("", "NA")]
    if not all(map(_NUMBER.fullmatch, known)):
        return texts
    return ["" if text in ("", "NA") else plain(text.strip()) for text in texts]


def plain(value: object) -> str:
    """Write a whole number without a fraction; leave everything else as it is."""
    text = str(value)
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else text


def _apart(columns: Mapping[str, Texts], by: Texts) -> dict[str, Rows]:
    rows: dict[str, list[int]] = {}
    for row, site in enumerate(by):
        rows.setdefault(site, []).append(row)
    return {
        site: {
            **{name: [texts[row] for row in rows[site]] for name, texts in columns.items()},
            SITE: [site] * len(rows[site]),
        }
        for site in sorted(rows, key=str.encode)
    }


def _selections(file: Path) -> dict[str, dict[str, float]]:
    """Read the ids `match.NAME.weights` and nothing else of the expected results."""
    if not file.exists():
        return {}
    found: dict[str, dict[str, float]] = {}
    for result in json.loads(file.read_text(encoding="utf-8"))["results"]:
        named = _SELECTION.fullmatch(result["id"])
        if named:
            value = result["value"]
            ids = [plain(patient) for patient in value["id"]]
            found[named[1]] = dict(zip(ids, map(float, value["weight"]), strict=True))
    return found
