"""Lottery: find thresholds by counting, choose the best balanced key, all before any outcome."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, column
from protocol.errors import FederationError
from protocol.layout import Layout, Release, count, real
from protocol.plan.columns import balance_columns
from protocol.question import Key, Opened, Silent
from protocol.stats.moments import smd, standardiser
from protocol.steps.describe import Description, centre
from protocol.steps.quota import Draw, Group
from protocol.steps.score import REACH

SLICES = 64
BITS = 6
MAX_DEPTH = 10
"""After so many trips a slice is 16 numbers wide: patients not told apart by then are a tie."""


class LotteryError(FederationError):
    """Two patients drew lottery numbers too near to tell apart."""

    code = "lottery-tie"
    fix = "ask for other lottery keys in the plan and have it signed again"


class Search(NamedTuple):
    """The search for the threshold below which `rank` patients of a group lie.

    It lies in the slice `prefix` of 64^depth equal slices; `below` patients lie under that slice.
    """

    key_number: int
    group: Group
    rank: int
    prefix: int = 0
    below: int = 0


@dataclass(frozen=True)
class Slices(Silent):
    """Patients by slice of the lottery numbers, for every search still open."""

    name: ClassVar[str] = "slices/1"
    partners_only: ClassVar[bool] = False
    search_name: str
    depth: int
    draws: Mapping[int, Draw]
    searches: tuple[Search, ...]

    def key(self) -> Key:
        """Name what is searched, and how deep; the slices follow from the totals before."""
        return self.search_name, self.depth

    def layout(self) -> Layout:
        """Send 64 counts a search; the number of searches follows from the quotas."""
        most = max(
            d.strata.model.plan.disclosure.max_patients_per_hospital for d in self.draws.values()
        )
        shape = (len(self.searches), SLICES)
        return Layout(
            (count("counts", shape, "patients by slice of secret numbers", most),), about=True
        )

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's lottery numbers. Run by a hospital."""
        counts = np.zeros((len(self.searches), SLICES), dtype=np.int64)
        shift = np.uint64(64 - BITS * (self.depth + 1))
        numbers = {number: _group_numbers(draw, cohort) for number, draw in self.draws.items()}
        for position, search in enumerate(self.searches):
            drawn = numbers[search.key_number].get(search.group)
            if drawn is None:
                continue
            slices = (drawn >> shift).astype(np.int64) - search.prefix * SLICES
            inside = slices[(slices >= 0) & (slices < SLICES)]
            counts[position] = np.bincount(inside, minlength=SLICES)
        return {"counts": counts}

    def learn(self, opened: Opened) -> tuple[tuple[Search, int | None], ...]:
        """Narrow every search; a search that is done has its threshold. Run by everyone."""
        found = zip(self.searches, opened.sums["counts"], strict=True)
        return tuple(self._narrow(search, [int(n) for n in row]) for search, row in found)

    def _narrow(self, search: Search, counts: Sequence[int]) -> tuple[Search, int | None]:
        below = search.below
        for position, number in enumerate(counts):
            reached = below + number
            prefix = search.prefix * SLICES + position
            if reached == search.rank:
                return search, (prefix + 1) << (64 - BITS * (self.depth + 1))
            if reached > search.rank:
                return search._replace(prefix=prefix, below=below), None
            below = reached
        raise LotteryError("a group has fewer patients in the lottery than its quota")


def _group_numbers(draw: Draw, cohort: Cohort) -> dict[Group, NDArray[np.uint64]]:
    """Draw the numbers of the hospital's patients in groups that are searched."""
    rows = draw.strata.model.rows(cohort)
    place, arm = draw.strata.place(cohort), cohort.arm[rows]
    groups = {*draw.quotas.to_split, *(group for group, _ in draw.quotas.borders)}
    drawn = {}
    for group in groups:
        own = rows[(place == group.place) & (arm == group.arm)]
        if len(own):
            drawn[group] = draw.numbers(cohort, own)
    return drawn


def quota_searches(draws: Mapping[int, Draw]) -> tuple[Search, ...]:
    """List the thresholds that say who is taken, for every key."""
    return tuple(
        Search(number, group, int(draw.quotas.taken[group.place, group.arm]))
        for number, draw in draws.items()
        for group in draw.quotas.to_split
    )


def border_searches(draw: Draw) -> tuple[Search, ...]:
    """List the thresholds that say which flow cell a taken patient fills."""
    return tuple(Search(draw.key_number, group, rank) for group, rank in draw.quotas.borders)


def with_thresholds(draw: Draw, found: Mapping[Search, int]) -> Draw:
    """Give a lottery the thresholds that were found for its key."""
    own = {(s.group, s.rank): t for s, t in found.items() if s.key_number == draw.key_number}
    return replace(draw, thresholds={**draw.thresholds, **own})


@dataclass(frozen=True)
class Choice:
    """The key with the best balance, and how all keys did (max |SMD| over balance columns)."""

    key_number: int
    imbalance: Mapping[int, float]


@dataclass(frozen=True)
class Differences(Silent):
    """For every key and balance column, sum over focal minus (weighted) sum over controls."""

    name: ClassVar[str] = "differences/1"
    partners_only: ClassVar[bool] = False
    design: str
    draws: Mapping[int, Draw]
    before: Description

    def key(self) -> Key:
        """One comparison of keys a design."""
        return (self.design,)

    def layout(self) -> Layout:
        """Send one difference a key and column."""
        plan = self.before.plan
        shape = (len(self.draws), len(balance_columns(plan)))
        bound = plan.disclosure.max_patients_per_hospital * self._reach()
        words = "focal minus control sums, by lottery key and column"
        return Layout((real("differences", shape, words, bound),))

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's taken patients. Run by a hospital."""
        plan = self.before.plan
        rows = next(iter(self.draws.values())).strata.model.rows(cohort)
        columns = [
            column(plan, what, cohort, rows) - centre(plan, what) for what in balance_columns(plan)
        ]
        x, arm = np.array(columns).reshape(len(columns), len(rows)), cohort.arm[rows]
        return {
            "differences": np.array(
                [
                    x @ (self._sign(draw, arm) * draw.taken(cohort)[rows])
                    for draw in self.draws.values()
                ]
            )
        }

    def learn(self, opened: Opened) -> Choice:
        """Take the key with the smallest largest |SMD|; a tie goes to the lowest number.

        Rerandomisation (Morgan and Rubin 2012, Ann. Statist. 40, 1263-1282), legitimate because
        no outcome has been opened. Spreads are those before matching.
        """
        imbalance: dict[int, float] = {}
        for (number, draw), row in zip(self.draws.items(), opened.sums["differences"], strict=True):
            focal = draw.quotas.matched[draw.quotas.focal]
            worst = 0.0
            for what, difference in zip(balance_columns(self.before.plan), row, strict=True):
                treated, comparator = self.before.moments(what, 1), self.before.moments(what, 0)
                sd = standardiser(treated, comparator, binary=what.indicator)
                size = abs(smd(float(difference) / focal, sd))
                if not math.isnan(size):
                    worst = max(worst, size)
            imbalance[number] = worst
        best = min(imbalance, key=lambda number: (imbalance[number], number))
        return Choice(best, imbalance)

    @staticmethod
    def _sign(draw: Draw, arm: NDArray[np.int8]) -> NDArray[np.float64]:
        focal = draw.quotas.focal
        share = draw.quotas.matched[focal] / max(1, draw.quotas.matched[1 - focal])
        return np.where(arm == focal, 1.0, -share)

    def _reach(self) -> float:
        plan = self.before.plan
        spreads = [
            (abs(m.mean - centre(plan, what)) + REACH * m.sd)
            for what in balance_columns(plan)
            for m in (self.before.moments(what, 0), self.before.moments(what, 1))
            if m.n > 1
        ]
        return max([1.0, *spreads])
