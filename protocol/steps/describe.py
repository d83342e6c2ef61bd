"""Describe: moments, levels and histograms of a population, by arm. Table 1 and balance."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, column
from protocol.layout import Field, Layout, Release, count, real
from protocol.plan.columns import (
    Column,
    balance_columns,
    level_column,
    model_columns,
    number_column,
)
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Category, Number, Variable, levels
from protocol.question import Key, Opened, Silent
from protocol.stats.moments import (
    Moments,
    WeightedMoments,
    counted_quantile,
    histogram_quantile,
)
from protocol.steps.plausible import require, require_moments
from protocol.steps.population import Population

MAX_WEIGHT = 1e4
USUAL_REACH = 2.0**-10, 2.0**14
"""Columns that reach so far from their centre travel in the variable's own unit."""


def described(plan: Plan) -> tuple[Number | Category | Binary, ...]:
    """List the variables of Table 1: covariates first, then others that have no role of their own.

    The treatment, outcomes, times and what only chooses or weighs patients are left out.
    """
    covariates = [c.variable for c in plan.propensity.covariates] if plan.propensity else []
    used = {plan.treatment.variable, *_roles(plan)} - set(covariates)
    others = [v.name for v in plan.variables if v.name not in used and v.name not in covariates]
    found = [plan.variable(name) for name in dict.fromkeys([*covariates, *others])]
    return tuple(v for v in found if isinstance(v, Number | Category | Binary))


def _roles(plan: Plan) -> Iterator[str]:
    for endpoint in plan.endpoints:
        if isinstance(endpoint, TimeToEvent):
            yield from (endpoint.time, endpoint.event)
        else:
            yield endpoint.variable
    for population in plan.populations:
        yield from (condition.variable for condition in population.conditions)
        if population.weight is not None:
            yield population.weight


def number_columns(plan: Plan) -> tuple[Column, ...]:
    """List the numeric columns whose moments travel: described numbers, and model columns."""
    raw = [number_column(v) for v in described(plan) if isinstance(v, Number)]
    return tuple(dict.fromkeys([*raw, *(c for c in model_columns(plan) if not c.indicator)]))


def level_columns(plan: Plan) -> tuple[tuple[Category | Binary, str], ...]:
    """List every level of every described variable with levels."""
    found = [v for v in described(plan) if isinstance(v, Category | Binary)]
    return tuple((variable, level) for variable in found for level in levels(variable))


def weighted_columns(plan: Plan) -> tuple[Column, ...]:
    """List the columns whose weighted moments travel: numbers, and one column a level."""
    marked = [level_column(variable, lv) for variable, lv in level_columns(plan)]
    return tuple(dict.fromkeys([*number_columns(plan), *balance_columns(plan), *marked]))


def centre(plan: Plan, what: Column) -> float:
    """Say about which value a column's squares are taken; 0 for levels and spline terms."""
    variable = plan.variable(what.variable)
    if not isinstance(variable, Number) or what.term > 0:
        return 0.0
    about = variable.centre
    if what.form == "log":
        return math.log(about) if about is not None and about > 0 else 0.0
    return about if about is not None else 0.0


def unit(plan: Plan, what: Column) -> float:
    """Say in which unit a column's sums travel: 1, or a power of two where its range is extreme.

    Platelets counted by the microlitre would overflow the sums of squares, and moles by the litre
    leave them without digits. A power of two changes no digit.
    """
    furthest = _reach(plan, what)
    if USUAL_REACH[0] <= furthest <= USUAL_REACH[1] or furthest == 0:
        return 1.0
    _, exponent = math.frexp(furthest)
    return math.ldexp(1.0, exponent)


def edges(plan: Plan, variable: Number) -> tuple[float, ...]:
    """Lay the histogram's bin edges: whole numbers, equal widths, or equal ratios under a log.

    Bin k holds edge[k] <= x < edge[k + 1]; the last bin holds its upper edge too.
    """
    low, high = variable.range
    if variable.type == "integer":
        width = max(1, math.ceil((high - low + 1) / variable.bins))
        steps = math.ceil((high - low + 1) / width)
        return tuple(low + width * k for k in range(steps + 1))
    steps = variable.bins
    if any(c.form == "log" and c.variable == variable.name for c in model_columns(plan)):
        return (*(low * (high / low) ** (k / steps) for k in range(steps)), high)
    return (*(low + (high - low) * k / steps for k in range(steps)), high)


def counts_values(plan: Plan, variable: Number) -> bool:
    """Tell whether every bin of the histogram holds one whole number."""
    borders = edges(plan, variable)
    return variable.type == "integer" and borders[1] - borders[0] == 1


@dataclass(frozen=True, eq=False)
class Description:
    """A population over all hospitals; arm 0 is the comparator, 1 the treated."""

    plan: Plan
    opened: Opened

    @cached_property
    def patients(self) -> tuple[int, int]:
        """Patients of the population by arm."""
        low, high = self.opened.sums["members"]
        return int(low), int(high)

    def moments(self, what: Column, arm: int) -> Moments:
        """Count, sum and squares of a column in one arm, among patients who have a value."""
        patients = self.patients[arm]
        if what.indicator:
            variable = self.plan.variable(what.variable)
            names = levels(variable)
            counts = [self.level(variable, name, arm) for name in names]
            hit = counts[names.index(what.level)]
            there = sum(counts)  # whole numbers
            return Moments(there, patients - there, float(hit), float(hit), 0.0)
        at = number_columns(self.plan).index(what)
        sums = self.opened.sums
        there = int(sums["known"][at, arm])
        per = unit(self.plan, what)
        total = float(sums["total"][at, arm]) * per
        squares = float(sums["squares"][at, arm]) * per * per
        return Moments(there, patients - there, total, squares, centre(self.plan, what))

    def level(self, variable: Variable, level: str, arm: int) -> int:
        """Count the patients of an arm at a level."""
        return int(self.opened.sums["levels"][self._at(variable, level), arm])

    def hospitals(self, variable: Variable, level: str) -> int:
        """Count the hospitals that have a patient at a level."""
        return int(self.opened.sums["hospitals"][self._at(variable, level)])

    def histogram(self, variable: Number, arm: int) -> NDArray[np.int64]:
        """Count the patients of an arm in each bin between the variable's `edges`."""
        start = 0
        for other in described(self.plan):
            if other.name == variable.name:
                break
            if isinstance(other, Number):
                start += len(edges(self.plan, other)) - 1
        bins = len(edges(self.plan, variable)) - 1
        counts: NDArray[np.int64] = self.opened.sums["histogram"][start : start + bins, arm]
        return counts

    def quantile(self, variable: Number, arm: int, q: float) -> float:
        """Read a quantile off the histogram; NaN for nobody.

        Where every bin is one whole number it is R's type 7, else linear within the bin.
        """
        counts = [int(c) for c in self.histogram(variable, arm)]
        borders = edges(self.plan, variable)
        if counts_values(self.plan, variable):
            return counted_quantile(counts, borders[:-1], q)
        return histogram_quantile(counts, borders, q)

    def weighted(self, what: Column, arm: int) -> WeightedMoments | None:
        """Weighted moments of a column in one arm, if the population has weights."""
        sums = self.opened.sums
        if "weighted_total" not in sums:
            return None
        at = weighted_columns(self.plan).index(what)
        sum_w, sum_w2 = sums["weighted_known"][at, arm]
        per, about = unit(self.plan, what), centre(self.plan, what)
        total = float(sums["weighted_total"][at, arm]) * per
        squares = float(sums["weighted_squares"][at, arm]) * per * per
        return WeightedMoments(float(sum_w), float(sum_w2), total, squares, about)

    @property
    def effective(self) -> tuple[float, float] | None:
        """Effective sample size by arm, (sum w)^2 / sum w^2, if the population has weights."""
        if "weight" not in self.opened.sums:
            return None
        low, high = (
            float(total * total / squares) if squares > 0 else 0.0
            for total, squares in self.opened.sums["weight"]
        )
        return low, high

    def _at(self, variable: Variable, level: str) -> int:
        names = [(v.name, name) for v, name in level_columns(self.plan)]
        return names.index((variable.name, level))


@dataclass(frozen=True)
class Describe(Silent):
    """Sums by arm over a population's patients; never a patient's own value."""

    name: ClassVar[str] = "describe/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    population: Population

    def key(self) -> Key:
        """One description a population."""
        return (self.population.name,)

    def layout(self) -> Layout:
        """Send counts, sums about the plan's centres, levels, histograms, hospitals by level.

        Sums of columns with extreme ranges are in their `unit`.
        """
        most = self.plan.disclosure.max_patients_per_hospital
        numbers, marked = number_columns(self.plan), level_columns(self.plan)
        bins = sum(
            len(edges(self.plan, v)) - 1 for v in described(self.plan) if isinstance(v, Number)
        )
        furthest = max((_bound(self.plan, what) for what in numbers), default=0.0)
        per = "by variable and arm"
        fields = [
            count("members", (2,), "patients of the population, by arm", most),
            count("known", (len(numbers), 2), f"patients with a value, {per}", most),
            real("total", (len(numbers), 2), f"sums about the centre, {per}", most * furthest),
            real(
                "squares", (len(numbers), 2), f"sums of squares, {per}", most * furthest * furthest
            ),
            count("levels", (len(marked), 2), "patients at each level, by arm", most),
            count("histogram", (bins, 2), "patients in each bin, by arm", most),
            count(
                "hospitals", (len(marked),), "whether the hospital has the level", 1, "hospitals"
            ),
        ]
        return Layout((*fields, *(self._weighted_fields() if self.population.weighted else ())))

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's patients. Run by a hospital."""
        weights = self.population.weights(cohort)
        members = weights > 0
        moments, at_level = self._moments(cohort, members), self._levels(cohort, members)
        release = {
            "members": np.bincount(cohort.arm[members], minlength=2).astype(np.int64),
            "known": moments[:, 0].astype(np.int64),
            "total": moments[:, 1],
            "squares": moments[:, 2],
            "levels": at_level,
            "histogram": self._histogram(cohort, members),
            "hospitals": (at_level.sum(axis=1) > 0).astype(np.int64),
        }
        if self.population.weighted:
            release |= self._weighted(cohort, members, weights[members])
        return release

    def learn(self, opened: Opened) -> Description:
        """Read the sum as a description of the population. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If counts exceed the population, or sums their squares.
        """
        sums = opened.sums
        for counts in ("known", "levels"):
            within = (sums[counts] <= sums["members"]).all()
            require(self.name, within, f"{counts} counts more patients than the population has")
        require_moments(self.name, sums["known"], sums["total"], sums["squares"])
        return Description(self.plan, opened)

    def _moments(self, cohort: Cohort, members: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Count and sum each column about its centre, one at a time: (columns, 3, arms)."""
        arm, found = cohort.arm[members], []
        for what in number_columns(self.plan):
            x = _centred(self.plan, what, cohort, members)
            there = (~np.isnan(x)).astype(np.float64)
            x = np.nan_to_num(x)
            found.append(_by_arm([there, x, x * x], arm))
        return np.array(found, dtype=np.float64).reshape(-1, 3, 2)

    def _levels(self, cohort: Cohort, members: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count patients at each level of each variable: (levels, arms)."""
        arm, tables = cohort.arm[members], [np.zeros((0, 2), dtype=np.int64)]
        for variable in described(self.plan):
            number, values = len(levels(variable)), cohort.values[variable.name][members]
            there = values >= 0
            if number:
                cell = values[there].astype(np.int64) * 2 + arm[there]
                tables.append(np.bincount(cell, minlength=2 * number).reshape(-1, 2))
        return np.concatenate(tables).astype(np.int64)

    def _histogram(self, cohort: Cohort, members: NDArray[np.bool_]) -> NDArray[np.int64]:
        arm, tables = cohort.arm[members], [np.zeros((0, 2), dtype=np.int64)]
        for variable in described(self.plan):
            if isinstance(variable, Number):
                borders = edges(self.plan, variable)
                values = cohort.values[variable.name][members]
                there, bins = ~np.isnan(values), len(borders) - 1
                place = np.searchsorted(borders, values[there], side="right") - 1
                cell = np.clip(place, 0, bins - 1) * 2 + arm[there]
                tables.append(np.bincount(cell, minlength=2 * bins).reshape(bins, 2))
        return np.concatenate(tables).astype(np.int64)

    def _weighted_fields(self) -> tuple[Field, ...]:
        most = self.plan.disclosure.max_patients_per_hospital * MAX_WEIGHT
        columns = weighted_columns(self.plan)
        furthest = max([1.0, *(_bound(self.plan, what) for what in columns)])
        shape, per = (len(columns), 2), "by column and arm"
        return (
            real("weight", (2, 2), "sums of weights and their squares, by arm", most * MAX_WEIGHT),
            real(
                "weighted_known",
                (*shape, 2),
                f"sums of weights and their squares, {per}",
                most * MAX_WEIGHT,
            ),
            real(
                "weighted_total", shape, f"weighted sums about the centre, {per}", most * furthest
            ),
            real(
                "weighted_squares",
                shape,
                f"weighted sums of squares, {per}",
                most * furthest * furthest,
            ),
        )

    def _weighted(
        self, cohort: Cohort, members: NDArray[np.bool_], weights: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        arm, columns = cohort.arm[members], weighted_columns(self.plan)
        values = [_centred(self.plan, what, cohort, members) for what in columns]
        there = [np.where(np.isnan(x), 0.0, weights) for x in values]
        known = np.stack([_by_arm(there, arm), _by_arm([w * w for w in there], arm)], axis=-1)
        filled = [np.nan_to_num(x) for x in values]
        pairs = list(zip(there, filled, strict=True))
        return {
            "weight": _by_arm([weights, weights * weights], arm).T,
            "weighted_known": known,
            "weighted_total": _by_arm([w * x for w, x in pairs], arm),
            "weighted_squares": _by_arm([w * x * x for w, x in pairs], arm),
        }


def _by_arm(columns: list[NDArray[np.float64]], arm: NDArray[np.int8]) -> NDArray[np.float64]:
    sums = [np.bincount(arm, weights=x, minlength=2) for x in columns]
    return np.array(sums, dtype=np.float64).reshape(-1, 2)


def _centred(
    plan: Plan, what: Column, cohort: Cohort, members: NDArray[np.bool_]
) -> NDArray[np.float64]:
    values: NDArray[np.float64] = column(plan, what, cohort, members) - centre(plan, what)
    return values / unit(plan, what)


def reach(plan: Plan, what: Column) -> float:
    """Bound how far a column's values can be from its centre; 1 at least."""
    return max(_reach(plan, what), 1.0)


def _bound(plan: Plan, what: Column) -> float:
    """Bound the same in the unit in which its sums travel."""
    return max(_reach(plan, what) / unit(plan, what), 1.0)


def _reach(plan: Plan, what: Column) -> float:
    variable = plan.variable(what.variable)
    if not isinstance(variable, Number):
        return 1.0
    about, ends = centre(plan, what), variable.range
    if what.form == "log":
        ends = math.log(ends[0]), math.log(ends[1])
    if what.term > 0:
        ends = 0.0, abs(ends[1] - ends[0]) * len(what.knots)
    return max(abs(ends[0] - about), abs(ends[1] - about))
