"""Works a bundle's numbers and figures out again from its opened sums, and compares them.

No vector and no signature is looked at: whether the sums are true is for `coordinator.verify`.
"""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from coordinator.bundle import names
from coordinator.bundle.plain import BundleError, parsed
from coordinator.bundle.reader import Bundle
from coordinator.bundle.replay import parsed_results, replayed
from coordinator.bundle.software import software
from coordinator.report.page import REPORT, report_html
from coordinator.report.tidy import TABLES, tidy_tables
from coordinator.results import csv_text, staged, to_json, write_into
from protocol.canonical import Json
from protocol.results import Results, results
from protocol.run import Played

TOLERANCE = 1e-9
"""Numbers that differ by less, relative to the larger, count as equal: libraries of mathematics
differ in the last bit between machines. `Compared.exact` counts those without a difference."""

FIGURE = '<img src="'
MOST_SHOWN = 10

_ABSENT = object()
_WORDS = {"Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class Compared:
    """How much of one member is equal. `odd` names places that are not, the first few of them."""

    member: str
    what: str
    total: int
    equal: int
    exact: int
    odd: tuple[str, ...]
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything is equal."""
        return self.equal == self.total and not self.odd

    def sentence(self) -> str:
        """Say it: "412 of 412 numbers equal"."""
        if self.reason:
            return self.reason
        near = self.equal - self.exact
        more = f", {near:,} of them within {TOLERANCE:g}" if near else ""
        return f"{self.equal:,} of {self.total:,} {self.what} equal{more}"


@dataclass(frozen=True, eq=False)
class Recomputed:
    """A study worked out again: what was found, and how it compares with the bundle."""

    played: Played
    results: Results
    report: str
    compared: tuple[Compared, ...]

    @property
    def holds(self) -> bool:
        """Whether everything in the bundle follows from its sums."""
        return all(one.holds for one in self.compared)

    def write(self, folder: Path) -> None:
        """Write results, tables and report as found here into a folder; all of them or none."""
        with staged(folder) as place:
            write_into(self.results, place)
            (place / REPORT).write_text(self.report, encoding="utf-8", newline="\n")

    @property
    def numbers(self) -> tuple[int, int]:
        """How many numbers are equal, of how many, in results and tables."""
        counted = [one for one in self.compared if one.what == "numbers"]
        return sum(one.equal for one in counted), sum(one.total for one in counted)


def recompute(bundle: Bundle) -> Recomputed:
    """Work everything out again from the plan and the opened sums.

    Raises
    ------
    FederationError
        If the sums do not lead through the plan to its end.
    """
    played = replayed(bundle)
    found = results(played)
    page = report_html(found, bundle.manifest.notice)
    compared = [_values(names.RESULTS, to_json(found), parsed_results(bundle))]
    tables = tidy_tables(found)
    for name in TABLES:
        theirs = _text(bundle, f"results/{name}")
        compared.append(_cells(f"results/{name}", csv_text(tables[name]), theirs))
    compared.append(_figures(bundle, page))
    return Recomputed(played, found, page, tuple(compared))


def _text(bundle: Bundle, name: str) -> str:
    try:
        return bundle.body(name).decode()
    except UnicodeDecodeError:
        raise BundleError(f"{name}: is no text") from None


def same(ours: object, theirs: object) -> tuple[bool, bool]:
    """Compare two values: whether they are equal within the tolerance, and exactly."""
    if type(ours) is type(theirs) and ours == theirs:
        return True, True
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        if isinstance(ours, bool) or isinstance(theirs, bool):
            return False, False
        return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE**2), False
    return False, False


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """List everything in a JSON value that holds nothing else, with its path."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, f"{path}.{key}" if path else key)
        case list():
            yield f"{path}[]", len(value)  # so that an empty list is not like none
            for place, inner in enumerate(value):
                yield from leaves(inner, f"{path}[{place}]")
        case _:
            yield path, value


def _values(member: str, ours: Json, theirs: dict[str, Any]) -> Compared:
    """Compare every leaf of results.json; lengths of lists count as numbers."""
    one, other = dict(leaves(ours)), dict(leaves(theirs))
    pairs = [(p, one.get(p, _ABSENT), other.get(p, _ABSENT)) for p in {**one, **other}]
    return _counted(member, pairs)


def _cells(member: str, ours: str, theirs: str) -> Compared:
    """Compare every cell of a table, numbers as numbers."""
    one, other = (list(csv.reader(io.StringIO(text))) for text in (ours, theirs))
    empty: list[str] = []
    pairs = [
        (f"row {number}, column {column}", _cell(ours_here), _cell(theirs_here))
        for number, rows in enumerate(zip_longest(one, other, fillvalue=empty), 1)
        for column, (ours_here, theirs_here) in enumerate(zip_longest(*rows), 1)
    ]
    return _counted(member, pairs)


def _cell(text: str | None) -> object:
    if text is None:
        return _ABSENT
    try:
        return float(text)
    except ValueError:
        return text


def _counted(member: str, pairs: list[tuple[str, Any, Any]]) -> Compared:
    total = equal = exact = 0
    odd: list[str] = []
    for place, one, other in pairs:
        near, whole = same(one, other)
        if _is_number(one) or _is_number(other):
            total, equal, exact = total + 1, equal + near, exact + whole
        if not near and len(odd) < MOST_SHOWN:
            odd.append(f"{place}: {_shown(other)} in the bundle, {_shown(one)} from its sums")
    return Compared(member, "numbers", total, equal, exact, tuple(odd))


def _is_number(value: object) -> bool:
    """Tell numbers, those that do not exist (null) among them."""
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return numeric or value is None or (isinstance(value, str) and value in _WORDS)


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else repr(value)[:60]


def _figures(bundle: Bundle, page: str) -> Compared:
    """Compare the report, each figure by itself; other software may draw otherwise."""
    ours, theirs = page.split(FIGURE), _text(bundle, names.REPORT).split(FIGURE)
    total = max(len(ours), len(theirs)) - 1
    drawn = [
        _figure(one) == _figure(other) for one, other in zip(ours[1:], theirs[1:], strict=False)
    ]
    words = [_rest(one) for one in ours] == [_rest(other) for other in theirs]
    odd = [f"figure {place}" for place, fits in enumerate(drawn, 1) if not fits]
    odd += [] if words else ["the text"]
    other = parsed(bundle.body(names.SOFTWARE), names.SOFTWARE) != software()
    reason = "drawn by other software than this one, so not compared" if odd and other else ""
    found = () if reason else tuple(odd)
    equal = total if reason else sum(drawn)
    return Compared(names.REPORT, "figures", total, equal, equal, found, reason)


def _figure(piece: str) -> str:
    return piece.partition('"')[0]


def _rest(piece: str) -> str:
    return piece.partition('"')[2] if piece.startswith("data:") else piece
