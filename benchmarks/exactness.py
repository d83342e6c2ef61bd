"""How far the masked federation is from the same analysis of the pooled rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from benchmarks import pooled
from benchmarks.pooled import Compared
from benchmarks.report import Row, Section
from benchmarks.seed import seed_cohorts, seed_play
from protocol.results import results
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.survival import CurvePoints, SurvivalResult
from riskset.synthetic import frozen

CLOSE = 1e-9
"""The largest relative difference to hold (`docs/benchmarks.md`)."""

Pairs = Iterator[tuple[ArrayLike, ArrayLike]]


@dataclass(frozen=True)
class Both:
    """Everything twice: what the federation found, and what the pooled rows say."""

    found: Results
    coefficients: dict[str, float]
    survival: tuple[tuple[SurvivalResult, Compared], ...]
    binary: tuple[tuple[BinaryResult, NDArray[np.int64], float], ...]


def measure() -> Section:
    """Compare whole numbers for equality and others by their largest relative difference."""
    both = _both()
    rows = [
        Row("whole numbers that differ", _unequal(_counts(both)), at_most=0),
        Row("whole numbers compared", sum(np.size(a) for a, _ in _counts(both))),
        Row("propensity coefficients", _furthest(_coefficients(both)), at_most=CLOSE),
        Row("Kaplan-Meier survival", _furthest(_curves(both, "survival")), at_most=CLOSE),
        Row("its confidence limits", _furthest(_limits(both)), at_most=CLOSE),
        Row("log-rank chi-square", _furthest(_log_ranks(both)), at_most=CLOSE),
        Row("Cox log hazard ratio", _furthest(_log_hrs(both)), at_most=CLOSE),
        Row("its standard error", _furthest(_std_errors(both)), at_most=CLOSE),
        Row("chi-square of binary outcomes", _furthest(_chi_squares(both)), at_most=CLOSE),
    ]
    how = (
        "The seed study over seven hospitals under masks, beside lifelines and scikit-learn on "
        "the pooled rows of the same patients, in all endpoints and unweighted populations of the "
        "plan: largest relative differences, and whole numbers (at risk, events, censored, "
        "matched, two-by-two tables) that differ at all."
    )
    return Section("Exactness", how, tuple(rows))


def _both() -> Both:
    found, rows = results(seed_play()), pooled.read(frozen())
    # Weighted populations are held against R in the tests: lifelines has no such log-rank test.
    parts = {p.name: _members(rows, p.name) for p in found.populations if p.effective is None}
    survival = [
        (one, pooled.compare(parts[one.population], *pooled.ENDPOINTS[one.endpoint]))
        for one in found.survival
        if one.population in parts
    ]
    binary = [
        (b, *pooled.two_by_two(parts[b.population], b.endpoint))
        for b in found.binary
        if b.population in parts
    ]
    return Both(found, pooled.propensity(rows)[0], tuple(survival), tuple(binary))


def _members(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Take the rows of those whom the hospitals themselves took into a population."""
    population = next(p for p in seed_play().findings.populations if p.name == name)
    flags = np.concatenate([population.weights(cohort) > 0 for cohort in seed_cohorts()])
    return rows[flags].reset_index(drop=True)


def _counts(both: Both) -> Pairs:
    for one, other in both.survival:
        for curve, arm in zip(_arms(one), other.arms, strict=True):
            yield curve.times, arm.times
            yield curve.at_risk, arm.at_risk
            yield curve.events, arm.events
            yield curve.censored, arm.censored
    for outcome, counts, _ in both.binary:
        yield (outcome.events.comparator, outcome.events.treated), counts[:, 1]
        yield (outcome.patients.comparator, outcome.patients.treated), counts.sum(axis=1)


def _coefficients(both: Both) -> Pairs:
    assert both.found.propensity is not None  # noqa: S101 - the plan has a propensity model
    for one in both.found.propensity.coefficients:
        yield one.estimate, both.coefficients[one.term]


def _arms(one: SurvivalResult) -> tuple[CurvePoints, CurvePoints]:
    return one.curves.comparator, one.curves.treated


def _curves(both: Both, what: str) -> Pairs:
    for one, other in both.survival:
        for curve, arm in zip(_arms(one), other.arms, strict=True):
            yield getattr(curve, what), getattr(arm, what)


def _limits(both: Both) -> Pairs:
    """Leave out survival of 0 and 1, for which conventions differ."""
    for one, other in both.survival:
        for curve, arm in zip(_arms(one), other.arms, strict=True):
            inside = (arm.survival > 0) & (arm.survival < 1)
            yield np.array(curve.conf_low)[inside], arm.conf_low[inside]
            yield np.array(curve.conf_high)[inside], arm.conf_high[inside]


def _log_ranks(both: Both) -> Pairs:
    for one, other in both.survival:
        plain = next(test for test in one.log_rank if test.name == "log-rank")
        yield plain.test.statistic, other.chi_square


def _log_hrs(both: Both) -> Pairs:
    for one, other in both.survival:
        yield next(h.log_hr for h in one.hazard_ratios if h.method == "efron"), other.log_hr


def _std_errors(both: Both) -> Pairs:
    for one, other in both.survival:
        yield next(h.std_error for h in one.hazard_ratios if h.method == "efron"), other.std_error


def _chi_squares(both: Both) -> Pairs:
    for one, _, chi_square in both.binary:
        yield one.chi_square.statistic, chi_square


def _unequal(pairs: Pairs) -> int:
    """Count numbers that are not the same; arrays of different length differ throughout."""
    found = 0
    for one, other in pairs:
        a, b = np.asarray(one), np.asarray(other)
        found += int((a != b).sum()) if a.shape == b.shape else max(a.size, b.size)
    return found


def _furthest(pairs: Pairs) -> float:
    """Find the largest relative difference; a number that only one side has differs wholly."""
    apart = [0.0]
    for one, other in pairs:
        a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
        if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
            return float("inf")
        there = ~np.isnan(a) & (a != b)
        apart += (np.abs(a - b)[there] / np.abs(b)[there]).tolist()
    return max(apart)
