"""Quotas and who fills them: matching across hospitals without a list of patients.

Quotas follow from the score histogram alone. Who of a bin is taken is decided by lottery numbers
that only the hospital can compute; a threshold found by counting takes exactly the quota.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.plan.adjustment import Design
from protocol.stats.transport import Flow, FlowCell, give_up, passes, used
from protocol.steps.coin import CoinTerms, lottery_numbers
from protocol.steps.overlap import ScoreHistogram, Strata
from protocol.steps.population import rounded

TOP = 1 << 64
"""One more than the largest lottery number."""


class Group(NamedTuple):
    """The patients of one arm in one place."""

    arm: int
    place: int


@dataclass(frozen=True, eq=False)
class Quotas:
    """How many patients each place gives to the matched cohort.

    `focal` is the smaller arm; `first` are the pairs of the first pass, `all_passes` all of
    them; `available` and `taken` have shape (places, 2) by arm.
    """

    focal: int
    first: Flow
    all_passes: Flow
    available: NDArray[np.int64]
    taken: NDArray[np.int64]

    @property
    def matched(self) -> tuple[int, int]:
        """Patients taken, by arm."""
        return int(self.taken[:, 0].sum()), int(self.taken[:, 1].sum())

    @property
    def left_out(self) -> tuple[int, int]:
        """Patients not taken, by arm."""
        left = self.available - self.taken
        return int(left[:, 0].sum()), int(left[:, 1].sum())

    @cached_property
    def to_split(self) -> tuple[Group, ...]:
        """Groups of which some, not all, are taken."""
        split = (self.taken > 0) & (self.taken < self.available)
        return tuple(Group(int(arm), int(place)) for place, arm in np.argwhere(split))

    def cells(self, group: Group) -> list[tuple[FlowCell, int]]:
        """List the flow cells of a group with its share of each, in the order they are filled.

        By descending partner's place; a focal patient stands in one cell, so the first pass counts.
        """
        if group.arm == self.focal:
            found = [(c, c.pairs) for c in self.first if c.focal_bin == group.place]
            return sorted(found, key=lambda item: -item[0].control_bin)
        found = [(c, c.pairs) for c in self.all_passes if c.control_bin == group.place]
        return sorted(found, key=lambda item: -item[0].focal_bin)

    @cached_property
    def borders(self) -> tuple[tuple[Group, int], ...]:
        """List where within a group one cell ends and the next begins, as ranks of the lottery."""
        found = []
        for place, arm in np.argwhere(self.taken > 0):
            group, rank = Group(int(arm), int(place)), 0
            for _, share in self.cells(group)[:-1]:
                rank += share
                found.append((group, rank))
        return tuple(found)


def decide_quotas(histogram: ScoreHistogram, design: Design) -> Quotas:
    """Work out the quotas of a design. Whole numbers only: every party finds the same.

    The smaller arm is the focal one (a tie: the treated). With M bins a caliper, bins up to
    M - 1 apart may pair: then no pair is further apart than the caliper; without one, all may. A
    few patients left out would show as a difference of totals (rule D), so all are in or enough
    are out.
    """
    plan = histogram.strata.model.plan
    counts, bins = histogram.counts, histogram.strata.bins.number
    focal = 1 if int(counts[:, 1].sum()) <= int(counts[:, 0].sum()) else 0
    reach = bins if design.caliper == "none" else rules(plan).bins_per_caliper - 1
    flows: list[list[FlowCell]] = [[] for _ in range(design.ratio)]
    for category in range(len(histogram.strata.categories)):
        start = category * bins
        here = counts[start : start + bins]
        found = passes(here[:, focal], here[:, 1 - focal], reach, design.ratio)
        for flow, more in zip(flows, found, strict=True):
            flow += [FlowCell(c.focal_bin + start, c.control_bin + start, c.pairs) for c in more]
    first = tuple(flows[0])
    if design.ratio == 1:
        floor = rules(plan).difference_floor
        left = _taken(first, first, counts, focal)
        first = give_up(first, [int(n) for n in (counts - left).sum(axis=0)], floor)
        flows[0] = list(first)
    merged = _merge([cell for flow in flows for cell in flow])
    return Quotas(focal, first, merged, counts, _taken(first, merged, counts, focal))


def _merge(cells: list[FlowCell]) -> Flow:
    pairs: dict[tuple[int, int], int] = {}
    for cell in cells:
        where = cell.focal_bin, cell.control_bin
        pairs[where] = pairs.get(where, 0) + cell.pairs
    return tuple(FlowCell(i, j, pairs[i, j]) for i, j in sorted(pairs))


def _taken(first: Flow, merged: Flow, counts: NDArray[np.int64], focal: int) -> NDArray[np.int64]:
    places = len(counts)
    taken = np.zeros_like(counts)
    taken[:, focal] = used(first, places, places)[0]
    taken[:, 1 - focal] = used(merged, places, places)[1]
    return taken


@dataclass(frozen=True, eq=False)
class Draw:
    """One lottery: the coin, a key number, and the thresholds found for it.

    `thresholds` maps (group, rank) to the lottery number below which exactly `rank` patients of
    the group lie over all hospitals.
    """

    strata: Strata
    quotas: Quotas
    coin: bytes = field(repr=False)
    terms: CoinTerms = field(repr=False)
    key_number: int
    thresholds: Mapping[tuple[Group, int], int] = field(default_factory=dict, repr=False)

    def numbers(self, cohort: Cohort, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Draw this key's lottery numbers of some of the hospital's patients."""
        secret = self.terms.patients_key(cohort)
        return lottery_numbers(self.coin, self.key_number, cohort, secret, rows)

    def taken(self, cohort: Cohort) -> NDArray[np.bool_]:
        """Flag the hospital's patients who are taken, shape (cohort.size,)."""
        rows, flags = self.strata.model.rows(cohort), np.zeros(cohort.size, dtype=np.bool_)
        place, arm = self.strata.place(cohort), cohort.arm[rows]
        there = place >= 0
        whole = self.quotas.taken == self.quotas.available
        flags[rows[there]] = (whole & (self.quotas.taken > 0))[place[there], arm[there]]
        for group in self.quotas.to_split:
            own = rows[(place == group.place) & (arm == group.arm)]
            limit = self.thresholds[group, int(self.quotas.taken[group.place, group.arm])]
            flags[own] = self.below(cohort, own, limit)
        return flags

    def below(self, cohort: Cohort, rows: NDArray[np.intp], limit: int) -> NDArray[np.bool_]:
        """Flag whose lottery number is below a limit of at most 2^64."""
        if limit >= TOP:
            return np.ones(len(rows), dtype=np.bool_)
        flags: NDArray[np.bool_] = self.numbers(cohort, rows) < np.uint64(limit)
        return flags

    def cells(self, cohort: Cohort) -> NDArray[np.int64]:
        """Find each taken patient's flow cell: its position in `all_passes`, else -1."""
        position = {(c.focal_bin, c.control_bin): k for k, c in enumerate(self.quotas.all_passes)}
        rows, label = self.strata.model.rows(cohort), np.full(cohort.size, -1, dtype=np.int64)
        place, arm, taken = self.strata.place(cohort), cohort.arm[rows], self.taken(cohort)[rows]
        for at, side in np.argwhere(self.quotas.taken > 0):
            group = Group(int(side), int(at))
            own = rows[taken & (place == group.place) & (arm == group.arm)]
            inside, rank = own, int(self.quotas.taken[at, side])
            for cell, share in reversed(self.quotas.cells(group)):
                label[inside] = position[cell.focal_bin, cell.control_bin]
                rank -= share
                if rank == 0:
                    break
                inside = inside[self.below(cohort, inside, self.thresholds[group, rank])]
        return label


@dataclass(frozen=True, eq=False)
class Matched:
    """The patients whom a lottery takes for a design's quotas.

    `rivals` are the lotteries for the same quotas that were not kept, by number.
    """

    design: Design
    draw: Draw
    rivals: tuple[Draw, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The design's name."""
        return self.design.name

    @property
    def weighted(self) -> bool:
        """Whether several controls share one focal patient."""
        return self.design.ratio > 1

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh taken patients by 1, or controls by focal patients over controls of their place.

        Weights of controls are rescaled to sum to their number, as MatchIt does. Within a place
        who shares a focal patient with whom is not known, so all controls of it weigh alike.
        """
        taken = self.draw.taken(cohort).astype(np.float64)
        if not self.weighted:
            return taken
        quotas, cell = self.draw.quotas, self.draw.cells(cohort)
        focal = np.zeros(len(quotas.available))
        controls = np.zeros(len(quotas.available))
        for flow in quotas.first:
            focal[flow.focal_bin] += flow.pairs
        for flow in quotas.all_passes:
            controls[flow.focal_bin] += flow.pairs
        scale = quotas.matched[1 - quotas.focal] / max(1, quotas.matched[quotas.focal])
        of_cell = [focal[c.focal_bin] / controls[c.focal_bin] * scale for c in quotas.all_passes]
        control = (cell >= 0) & (cohort.arm != quotas.focal)
        taken[control] = np.array(of_cell)[cell[control]]
        return rounded(taken, rules(self.draw.strata.model.plan).weight_digits)
