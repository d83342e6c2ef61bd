"""Lays a rehearsal out as the numbered items that a reviewer decides on, in the layouts' words."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.disclosure_site import Judged, Verdict, verdict_of
from protocol.layout import Field
from protocol.results.fold import leaving
from site_node.preview.rehearsal import Rehearsal, Rehearsed

MOST_DRAWN = 240
"""Numbers of a field that are written out whole; of a larger one those that are not zero."""
MOST_LISTED = 400
"""Numbers of a larger field that are listed; the rest are counted."""
BYTES_SHOWN = 96


@dataclass(frozen=True, eq=False)
class Item:
    """Releases of one kind: the trips of a fit, the tables of several endpoints."""

    number: int
    step: str
    what: str
    releases: tuple[Rehearsed, ...]

    @property
    def trips(self) -> str:
        """In which trips they leave."""
        trips = [release.asked.trip for release in self.releases]
        low, high = min(trips), max(trips)
        return f"{low}" if low == high else f"{low}–{high}"

    @property
    def numbers(self) -> int:
        """How many numbers leave, all trips together."""
        return sum(release.asked.numbers for release in self.releases)

    @property
    def bytes(self) -> int:
        """How many masked bytes leave."""
        return sum(release.asked.bytes for release in self.releases)

    @property
    def about(self) -> bool:
        """Whether the numbers hang on totals that only the study will show."""
        return any(release.about for release in self.releases)

    @property
    def smallest(self) -> int | None:
        """The smallest group behind any number."""
        known = [r.smallest for r in self.releases if r.smallest is not None]
        return min(known, default=None)

    @property
    def judged(self) -> tuple[Judged, ...]:
        """What the rules say, field by field."""
        return tuple(one for release in self.releases for one in release.judged)

    @property
    def verdict(self) -> Verdict:
        """The worst of what the rules say."""
        return verdict_of(self.judged)

    @property
    def why(self) -> str:
        """Name the rule, where the verdict is not a pass."""
        found = [one for one in self.judged if one.verdict is self.verdict and one.why]
        if not found:
            return ""
        if self.verdict is Verdict.BLOCK:
            return found[0].why
        worst = max(found, key=lambda one: one.floor)
        small = sum(one.small for one in found)
        cells = "1 number is" if small == 1 else f"{small:,} numbers are"
        return f"{cells} about fewer than {worst.floor} patients here ({worst.rule})"


class Cell(NamedTuple):
    """A number as text, and whether it is about few patients."""

    text: str
    small: bool


@dataclass(frozen=True)
class Drawn:
    """A field's numbers as text: all of them by rows, or by place those that are not zero.

    `left` says what of it is not listed.
    """

    field: Field
    judged: Judged
    rows: tuple[tuple[Cell, ...], ...]
    places: tuple[tuple[str, Cell], ...] = ()
    left: str = ""


def items(found: Rehearsal) -> tuple[Item, ...]:
    """Give the kinds of releases in the order in which they first leave, with a number each."""
    kinds: dict[tuple[str, str], list[Rehearsed]] = {}
    for release in found.releases:
        said = leaving(release.asked)
        kinds.setdefault((said.step, said.what), []).append(release)
    named = enumerate(kinds.items(), start=1)
    return tuple(Item(number, *kind, tuple(same)) for number, (kind, same) in named)


def title(release: Rehearsed) -> str:
    """Name one release: trip, step, and what the step is about."""
    said = leaving(release.asked)
    about = "about" if release.about else "exact"
    return " · ".join(part for part in (f"trip {said.trip}", said.step, said.key, about) if part)


def drawn(release: Rehearsed) -> tuple[Drawn, ...]:
    """Write out the numbers of one release as they would leave but for the masks."""
    judged: Mapping[str, Judged] = {one.field: one for one in release.judged}
    return tuple(
        _drawn(field, judged[field.name], np.asarray(release.own.release[field.name]))
        for field in release.asked.block.layout.fields
    )


def masked(release: Rehearsed) -> str:
    """Tell of the bytes that would leave: how many, their digest, and the first of them."""
    words = release.vector.words
    dots = " …" if len(words) > BYTES_SHOWN else ""
    hexed = words[:BYTES_SHOWN].hex(" ", 8)
    return f"{len(words):,} bytes, SHA-256 {sha256(words).hexdigest()}\n{hexed}{dots}"


def _drawn(field: Field, judged: Judged, values: NDArray[np.generic]) -> Drawn:
    counts = field.kind == "count" and field.unit == "patients"

    def cell(value: np.generic) -> Cell:
        number = value.item()
        text = f"{number:,}" if field.kind == "count" else f"{number:.6g}"
        return Cell(text, counts and 0 < number < judged.floor)

    if field.numbers <= MOST_DRAWN:
        table = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
        return Drawn(field, judged, tuple(tuple(cell(value) for value in row) for row in table))
    there = np.argwhere(values != 0).tolist()
    places = tuple(
        (", ".join(f"{place + 1}" for place in at), cell(values[tuple(at)]))
        for at in there[:MOST_LISTED]
    )
    zeros = f"{field.numbers - len(there):,} further numbers are 0"
    rest = len(there) - len(places)
    return Drawn(
        field, judged, (), places, f"{rest:,} more are not listed; {zeros}" if rest else zeros
    )
