"""Two runs side by side: the estimates of one study beside those of another.

For replications: the same plan at other hospitals, a later extract, another coin of the lottery.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle
from coordinator.results import WITHHELD

ESTIMATES = "results/estimates.csv"
KEY = ("endpoint", "population", "level", "cause", "arm", "term", "method", "time")
"""Columns that say which estimate a row is."""

NUMBERS = ("estimate", "conf_low", "conf_high", "p_value")

RATIOS = ("hazard ratio", "risk ratio", "odds ratio")
"""Terms whose estimates are ratios: no difference is 1, and they are compared as logarithms."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """One estimate with its limits; NaN where there is none."""

    estimate: float
    conf_low: float
    conf_high: float
    p_value: float


@dataclass(frozen=True)
class Side:
    """The same estimate in both bundles; None where one has it not."""

    key: Key
    first: Found | None
    second: Found | None

    @property
    def ratio(self) -> bool:
        """Whether it is a ratio."""
        return self.key[KEY.index("term")].endswith(RATIOS)

    @property
    def overlap(self) -> bool | None:
        """Whether the intervals overlap; None where there are not two."""
        if self.first is None or self.second is None:
            return None
        ends = (self.first.conf_low, self.first.conf_high, *_ends(self.second))
        if any(map(math.isnan, ends)):
            return None
        return ends[0] <= ends[3] and ends[2] <= ends[1]

    @property
    def within(self) -> bool | None:
        """Whether the second estimate lies within the first one's interval."""
        if self.overlap is None or self.first is None or self.second is None:
            return None
        if math.isnan(self.second.estimate):
            return None
        return self.first.conf_low <= self.second.estimate <= self.first.conf_high

    @property
    def same_direction(self) -> bool | None:
        """Whether both ratios lie on one side of 1; None for what is no ratio."""
        if not self.ratio or self.first is None or self.second is None:
            return None
        one, other = self.first.estimate, self.second.estimate
        if math.isnan(one) or math.isnan(other):
            return None
        return one == other or (one - 1) * (other - 1) > 0


@dataclass(frozen=True)
class Agreement:
    """How often something holds, of how many estimates for which it can be asked."""

    holds: int
    of: int


@dataclass(frozen=True)
class Comparison:
    """Two bundles side by side."""

    plans: tuple[str, str]
    runs: tuple[str, str]
    sides: tuple[Side, ...]

    @property
    def same_plan(self) -> bool:
        """Whether both runs are of one plan."""
        return self.plans[0] == self.plans[1]

    @property
    def identical(self) -> int:
        """How many estimates are the same in both, to the last digit."""
        return sum(side.first == side.second for side in self.sides)

    @property
    def overlap(self) -> Agreement:
        """How many intervals overlap."""
        return _agreement([side.overlap for side in self.sides])

    @property
    def within(self) -> Agreement:
        """How many second estimates lie within the first one's interval."""
        return _agreement([side.within for side in self.sides])

    @property
    def same_direction(self) -> Agreement:
        """How many ratios lie on the same side of 1."""
        return _agreement([side.same_direction for side in self.sides])


def compare(first: Bundle, second: Bundle) -> Comparison:
    """Put all estimates of two bundles side by side, in the first one's order.

    Raises
    ------
    BundleError
        If a table of estimates is none.
    """
    one, other = _estimates(first), _estimates(second)
    sides = tuple(Side(key, one.get(key), other.get(key)) for key in {**one, **other})
    plans = first.manifest.plan_digest.hex(), second.manifest.plan_digest.hex()
    return Comparison(plans, (first.manifest.run.hex(), second.manifest.run.hex()), sides)


def _ends(found: Found) -> tuple[float, float]:
    return found.conf_low, found.conf_high


def _agreement(said: Sequence[bool | None]) -> Agreement:
    known = [one for one in said if one is not None]
    return Agreement(sum(known), len(known))


def _estimates(bundle: Bundle) -> dict[Key, Found]:
    """Read the estimates of a bundle; rows of tests have a P value alone.

    One that a publication does not show is not there: two that are hidden are not the same.
    """
    try:
        rows = csv.DictReader(io.StringIO(bundle.body(ESTIMATES).decode()))
        shown = (row for row in rows if not any(WITHHELD.fullmatch(row[c]) for c in NUMBERS))
        return {tuple(row[name] for name in KEY): _found(row) for row in shown}
    except (KeyError, TypeError, ValueError, csv.Error):
        raise BundleError(f"{ESTIMATES}: is no table of estimates") from None


def _found(row: Mapping[str, str]) -> Found:
    estimate, low, high, p = (row[c] for c in NUMBERS)
    return Found(*(float(text) if text else math.nan for text in (estimate, low, high, p)))
