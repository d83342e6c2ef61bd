"""Results of one outcome without a time, from its table: risks, their contrasts and tests."""

import math
from collections.abc import Iterator
from typing import TypedDict

from protocol.plan.endpoints import BinaryOutcome
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.values.binary import BinaryResult, RiskInterval
from protocol.results.values.estimates import Estimate, Pair, Test
from protocol.stats.distributions import ratio
from protocol.stats.risk_intervals import RISK_METHODS, agresti_caffo, newcombe, woolf
from protocol.stats.tables import RiskEstimate, TwoByTwo, two_by_two
from protocol.stats.weighted_risks import weighted_risks
from protocol.steps.outcome_table import Outcomes, WeightedOutcomes

NAN = math.nan
ARMS = ("comparator", "treated")


def binary_result(
    endpoint: BinaryOutcome, population: str, level: str, record: Record
) -> BinaryResult | None:
    """Work out one outcome in one population; None if it was not asked or is withheld."""
    counts: Outcomes | None = record.get("outcome-table/1", endpoint.name, population, level)
    if counts is None:
        return None
    compared = _unweighted(counts) if counts.weights is None else _weighted(counts.weights)
    return BinaryResult(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        level=level,
        patients=Pair(*counts.patients),
        events=Pair(*counts.events),
        unassessed=Pair(*counts.unassessed),
        **compared,
    )


class _Compared(TypedDict):
    risk: Pair[float]
    risk_difference: Estimate
    risk_ratio: Estimate
    odds_ratio: Estimate
    chi_square: Test
    chi_square_yates: Test
    fisher_p: float
    intervals: tuple[RiskInterval, ...]


def _unweighted(counts: Outcomes) -> _Compared:
    found = two_by_two(counts.events, counts.patients)
    risk = [ratio(e, n) for e, n in zip(counts.events, counts.patients, strict=True)]
    return _Compared(
        risk=Pair(risk[0], risk[1]),
        risk_difference=_estimate(found.risk_difference),
        risk_ratio=_estimate(found.risk_ratio),
        odds_ratio=_estimate(found.odds_ratio),
        chi_square=test(found.plain),
        chi_square_yates=test(found.yates),
        fisher_p=found.fisher_p,
        intervals=tuple(_intervals(counts, found)),
    )


def _intervals(counts: Outcomes, found: TwoByTwo) -> Iterator[RiskInterval]:
    """Find limits of both risks and of their contrasts by every method, each by its name."""
    for method, limits in RISK_METHODS.items():
        for of, e, n in zip(ARMS, counts.events, counts.patients, strict=True):
            yield RiskInterval(of, method, *limits(e, n, 0.95))
    table = counts.events, counts.patients
    d, rr, odds = found.risk_difference, found.risk_ratio, found.odds_ratio
    yield RiskInterval("difference", "newcombe", *newcombe(*table))
    yield RiskInterval("difference", "wald", d.lower, d.upper)
    yield RiskInterval("difference", "agresti-caffo", *agresti_caffo(*table))
    yield RiskInterval("ratio", "katz", rr.lower, rr.upper)
    yield RiskInterval("odds ratio", "fisher", odds.lower, odds.upper)
    estimate, low, high = woolf(*table)
    yield RiskInterval("odds ratio", "woolf", low, high, estimate)


def _weighted(sums: WeightedOutcomes) -> _Compared:
    """Compare weighted shares; tests of whole patients do not apply."""
    found = weighted_risks(sums.events, sums.patients, sums.events_squared, sums.patients_squared)
    none = Test(NAN, 1, NAN)
    return _Compared(
        risk=Pair(*found.risk),
        risk_difference=_estimate(found.risk_difference, found.p_value),
        risk_ratio=_estimate(found.risk_ratio),
        odds_ratio=_estimate(found.odds_ratio),
        chi_square=none,
        chi_square_yates=none,
        fisher_p=NAN,
        intervals=(),
    )


def _estimate(found: RiskEstimate, p_value: float = NAN) -> Estimate:
    return Estimate(found.estimate, NAN, found.lower, found.upper, p_value)
