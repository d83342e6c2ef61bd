"""Table 1 and balance, from descriptions."""

import math

from protocol.plan.columns import (
    Column,
    balance_columns,
    level_column,
    number_column,
)
from protocol.plan.variables import Binary, Category, Number, levels
from protocol.results.comparisons import arm_tests
from protocol.results.quartiles import Quartiles
from protocol.results.values.estimates import Pair, Test
from protocol.results.values.patients import BalanceRow, Summary, TableOne, TableRow
from protocol.stats.distributions import ChiSquare
from protocol.stats.moments import (
    Convention,
    Moments,
    Spread,
    smd,
    standardiser,
    variance_ratio,
)
from protocol.steps.describe import Description, counts_values, described
from protocol.steps.quantiles import QUARTILES

NAN = math.nan


def test(found: ChiSquare) -> Test:
    """Write a chi-square test as a result."""
    return Test(found.statistic, found.df, found.p_value)


def table_one(
    name: str,
    here: Description,
    before: Description,
    quartiles: Quartiles,
    *,
    tested: bool = False,
) -> TableOne:
    """Lay out Table 1 of a population; SMDs are standardised by SDs before matching.

    Quartiles that were searched exactly are given; others are read off the histogram.

    Arms are `tested` only where nothing made them comparable: after matching or weighting a test
    would take patients as independent who are not, and speak of the smaller sample.
    """
    rows: list[TableRow] = []
    for variable in described(here.plan):
        if isinstance(variable, Number):
            rows.append(_number_row(variable, here, before, quartiles))
        else:
            names = levels(variable)[1:] if isinstance(variable, Binary) else levels(variable)
            rows += [_level_row(variable, level, here, before) for level in names]
    tests = arm_tests(here) if tested else ()
    return TableOne(name, Pair(*here.patients), tuple(rows), tests)


def balance(name: str, here: Description, before: Description) -> list[BalanceRow]:
    """Standardise the difference of every balance column in a population."""
    return [_balance_row(name, what, here, before) for what in balance_columns(here.plan)]


def _balance_row(name: str, what: Column, here: Description, before: Description) -> BalanceRow:
    comparator, treated = spread(here, what, 0), spread(here, what, 1)
    difference = treated.mean - comparator.mean
    before_1, before_0 = before.moments(what, 1), before.moments(what, 0)

    def by(convention: Convention) -> float:
        sd = standardiser(before_1, before_0, convention, binary=what.indicator)
        return smd(difference, sd)

    return BalanceRow(
        population=name,
        column=what.name,
        label=what.label,
        means=Pair(comparator.mean, treated.mean),
        smd=by(Convention.POOLED_SD),
        smd_sample_sd=by(Convention.POOLED_SD_N1),
        smd_treated_sd=by(Convention.TREATED_SD),
        variance_ratio=variance_ratio(treated, comparator),
    )


def spread(here: Description, what: Column, arm: int) -> Spread:
    """Mean and variance of a column in one arm, weighted where the population is."""
    return here.weighted(what, arm) or here.moments(what, arm)


def _number_row(
    variable: Number, here: Description, before: Description, quartiles: Quartiles
) -> TableRow:
    what = number_column(variable)

    def summary(arm: int) -> Summary:
        moments, mean = here.moments(what, arm), spread(here, what, arm)
        searched = quartiles.get((variable.name, arm))
        read = tuple(here.quantile(variable, arm, q) for q in QUARTILES)
        lower, median, upper = searched or read
        sd = math.sqrt(mean.variance) if mean.variance >= 0 else NAN
        return Summary(moments.n, moments.missing, mean.mean, sd, lower, median, upper, NAN)

    return TableRow(
        variable=variable.name,
        label=variable.label,
        level="",
        unit=variable.unit,
        number=True,
        arms=Pair(summary(0), summary(1)),
        smd=_smd(what, here, before),
        exact=(variable.name, 0) in quartiles
        or (variable.name, 1) in quartiles
        or counts_values(here.plan, variable),
    )


def _level_row(
    variable: Category | Binary, level: str, here: Description, before: Description
) -> TableRow:
    what = level_column(variable, level)

    def summary(arm: int) -> Summary:
        moments: Moments = here.moments(what, arm)
        mean = spread(here, what, arm).mean
        count = here.level(variable, level, arm)
        return Summary(count, moments.missing, NAN, NAN, NAN, NAN, NAN, mean)

    return TableRow(
        variable=variable.name,
        label=variable.label,
        level="" if isinstance(variable, Binary) else level,
        unit="",
        number=False,
        arms=Pair(summary(0), summary(1)),
        smd=_smd(what, here, before),
    )


def _smd(what: Column, here: Description, before: Description) -> float:
    difference = spread(here, what, 1).mean - spread(here, what, 0).mean
    sd = standardiser(before.moments(what, 1), before.moments(what, 0), binary=what.indicator)
    return smd(difference, sd)
