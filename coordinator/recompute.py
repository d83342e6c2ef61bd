"""Works a bundle's numbers and figures out again from its opened sums, and compares them.

No vector and no signature is looked at: whether the sums are true is for `coordinator.verify`.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from coordinator.bundle import names
from coordinator.bundle.plain import BundleError, parsed
from coordinator.bundle.reader import Bundle, readers_form
from coordinator.bundle.replay import results_of
from coordinator.bundle.software import software
from coordinator.checks import of_member
from coordinator.report.edition import (
    PUBLICATION,
    edition_texts,
    page_and_tables,
    read_published,
)
from coordinator.report.page import REPORT, report_html
from coordinator.results import results_texts, staged, write_texts
from protocol.canonical import Json
from protocol.results.publication import publish

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
    """What was worked out again, by file name, and how it compares with the bundle.

    `unchecked` says what could not be worked out again from this form of the bundle.
    """

    files: Mapping[str, str]
    compared: tuple[Compared, ...]
    unchecked: str = ""

    @property
    def holds(self) -> bool:
        """Whether all that was worked out again is as the bundle has it."""
        return all(one.holds for one in self.compared)

    def write(self, folder: Path) -> None:
        """Write results, tables and report as found here into a folder; all of them or none."""
        with staged(folder) as place:
            write_texts(self.files, place)

    @property
    def numbers(self) -> tuple[int, int]:
        """How many numbers are equal, of how many, in results and tables."""
        counted = [one for one in self.compared if one.what == "numbers"]
        return sum(one.equal for one in counted), sum(one.total for one in counted)


WITHHELD = (
    "no number was worked out: the sums are withheld from readers. Tables and report were laid out "
    "again from publication.json; whether that follows from the sums, only the consortium's "
    "bundle says"
)


def recompute(bundle: Bundle) -> Recomputed:
    """Work everything out again from the plan and the opened sums.

    In the readers' form there is nothing to work out: pages are made again from its own numbers.

    Raises
    ------
    FederationError
        If the sums do not lead through the plan to its end.
    """
    if bundle.for_readers:
        return _laid_out(bundle)
    found = results_of(bundle)
    texts = {**results_texts(found), REPORT: report_html(found, bundle.manifest.notice)}
    compared = list(_compared(bundle, texts))
    if names.READER in bundle.sizes:
        with readers_form(bundle) as inner:
            published = edition_texts(publish(found), inner.manifest.notice)
            told = _compared(inner, published)
            compared += [replace(one, member=f"{names.READER}: {one.member}") for one in told]
    return Recomputed(texts, tuple(compared))


def _laid_out(bundle: Bundle) -> Recomputed:
    """Make tables and report of the readers' form again from its publication.json."""
    raw = bundle.body(names.PUBLICATION)
    with of_member(names.PUBLICATION):
        reduced, statement = read_published(raw, names.PUBLICATION)
    texts = page_and_tables(reduced, statement, bundle.manifest.notice)
    files = {**texts, PUBLICATION: _text(bundle, names.PUBLICATION)}
    # Not "numbers": none of them was worked out.
    told = [
        replace(one, what="cells") if one.what == "numbers" else one
        for one in _compared(bundle, texts)
    ]
    return Recomputed(files, tuple(told), WITHHELD)


def _compared(bundle: Bundle, texts: Mapping[str, str]) -> Iterator[Compared]:
    """Compare files that were made again with those of the bundle."""
    for name, text in texts.items():
        member = f"results/{name}"
        if name == REPORT:
            yield _figures(bundle, text)
        elif name.endswith(".json"):
            yield _values(member, json.loads(text), _object(bundle, member))
        else:
            yield _cells(member, text, _text(bundle, member))


def _object(bundle: Bundle, member: str) -> dict[str, Any]:
    try:
        data = json.loads(_text(bundle, member))
    except (ValueError, RecursionError):
        raise BundleError(f"{member}: is no JSON") from None
    if not isinstance(data, dict):
        raise BundleError(f"{member}: holds no results")
    return data


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
    """Compare every leaf of a JSON file; lengths of lists count as numbers."""
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
