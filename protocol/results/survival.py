"""Results of one endpoint with a time, from its table and what was built on it."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from protocol.grid import Grid
from protocol.plan.endpoints import TimeToEvent
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.values.estimates import Estimate, HazardRatio, Limits, LogRankTest, Pair, Test
from protocol.results.values.survival import (
    Confounding,
    CurvePoints,
    LandmarkContrast,
    LandmarkPoint,
    MeanTime,
    ProportionalHazards,
    QuantilePoint,
    SurvivalResult,
)
from protocol.stats import km
from protocol.stats.cox import (
    Cox,
    NotEstimable,
    fit,
    pair_robust_variance,
    residual_squares,
    terms,
)
from protocol.stats.distributions import (
    ChiSquare,
    chi_square_tail,
    exponential,
    normal_quantile,
    ratio,
)
from protocol.stats.log_rank import FAMILY, LogRank, log_rank, xie_liu
from protocol.stats.partial_likelihood import Ties
from protocol.stats.rmst import Rmst, difference, rmst
from protocol.stats.sensitivity import e_value
from protocol.stats.survey import survey_log_rank
from protocol.stats.table import RiskTable, Sample
from protocol.stats.zph import Transform, zph
from protocol.steps.clustered import Squares
from protocol.steps.risk_table import Events
from protocol.steps.stratified import StratifiedTerms

NAN = math.nan
QUARTILES = (0.25, 0.5, 0.75)


def survival_result(
    endpoint: TimeToEvent, population: str, level: str, record: Record
) -> SurvivalResult | None:
    """Work out one endpoint in one population; None if its table was not asked or is withheld."""
    key = (endpoint.name, population, level)
    events: Events | None = record.get("risk-table/1", *key)
    if events is None:
        return None
    table = events.table
    samples = [table.arm(arm).compact() for arm in (0, 1)]
    curves = [km.curve(sample) for sample in samples]
    landmarks, contrasts = _landmarks(events.grid, endpoint, curves)
    ratios, reason = _hazard_ratios(table, key, record)
    main = next((r for r in ratios if r.method == main_method(table)), None)
    return SurvivalResult(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        level=level,
        patients=_whole(table.patients),
        events=_whole(table.events.sum(axis=1)),
        unassessed=Pair(*events.unassessed),
        curves=Pair(*(_points(curve) for curve in curves)),
        quantiles=Pair(*(_quantiles(curve) for curve in curves)),
        follow_up=Pair(*(_median(sample.reversed()) for sample in samples)),
        landmarks=landmarks,
        landmark_contrasts=contrasts,
        mean_time=_mean_time(events.grid, endpoint, samples),
        log_rank=(
            *_log_ranks(table, record.get("stratified-log-rank/1", *key)),
            *_further(endpoint, table, record.get("stratified-family/1", *key)),
        ),
        hazard_ratios=ratios,
        proportional_hazards=_proportional(table, ratios),
        e_value=_e_value(main),
        not_estimable=reason,
    )


def main_method(table: RiskTable) -> str:
    """Name the hazard ratio to report first: robust where patients weigh, else model-based."""
    return "efron" if table.weights is None else "efron robust"


def _whole(counts: NDArray[np.int64]) -> Pair[int]:
    return Pair(int(counts[0]), int(counts[1]))


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _points(curve: km.Curve) -> CurvePoints:
    low, high = km.interval(curve, km.Limits.LOG_LOG)
    error = curve.std_error if curve.robust_std_error is None else curve.robust_std_error
    return CurvePoints(
        times=_floats(curve.times),
        at_risk=_floats(curve.at_risk),
        events=_floats(curve.events),
        censored=_floats(curve.censored),
        survival=_floats(curve.survival),
        std_error=_floats(error),
        conf_low=_floats(low),
        conf_high=_floats(high),
        cumulative_hazard=_floats(curve.cumulative_hazard),
    )


def _quantiles(curve: km.Curve) -> tuple[QuantilePoint, ...]:
    found = [km.quantile(curve, share, km.Limits.LOG_LOG) for share in QUARTILES]
    return tuple(QuantilePoint(q.p, q.estimate, q.lower, q.upper) for q in found)


def _median(sample: Sample) -> float:
    return km.quantile(km.curve(sample)).estimate


def _landmarks(
    grid: Grid, endpoint: TimeToEvent, curves: list[km.Curve]
) -> tuple[Pair[tuple[LandmarkPoint, ...]], tuple[LandmarkContrast, ...]]:
    edges = np.array([grid.edge(time) for time in endpoint.landmarks], dtype=np.float64)
    read = [km.at(curve, edges) for curve in curves]
    found = km.landmark_difference(read[1], read[0])
    low, high = found.interval()
    contrasts = tuple(
        LandmarkContrast(
            time,
            Estimate(
                float(found.difference[k]),
                float(found.std_error[k]),
                float(low[k]),
                float(high[k]),
                float(found.p_plain[k]),
            ),
            float(found.p_cloglog[k]),
        )
        for k, time in enumerate(endpoint.landmarks)
    )
    return Pair(*(_landmark_points(endpoint, one) for one in read)), contrasts


def _landmark_points(endpoint: TimeToEvent, read: km.Survival) -> tuple[LandmarkPoint, ...]:
    limits = {kind: km.interval(read, kind) for kind in km.Limits}
    error = read.std_error if read.robust_std_error is None else read.robust_std_error
    return tuple(
        LandmarkPoint(
            time=time,
            grid_time=float(read.times[k]),
            at_risk=float(read.at_risk[k]),
            survival=float(read.survival[k]),
            std_error=float(error[k]),
            limits=tuple(
                Limits(str(kind), float(low[k]), float(high[k]))
                for kind, (low, high) in limits.items()
            ),
        )
        for k, time in enumerate(endpoint.landmarks)
    )


def _mean_time(grid: Grid, endpoint: TimeToEvent, samples: list[Sample]) -> MeanTime | None:
    if endpoint.horizon is None or any(len(sample.times) == 0 for sample in samples):
        return None
    horizon = grid.edge(endpoint.horizon)
    comparator, treated = (rmst(sample, horizon) for sample in samples)
    gained = difference(treated, comparator)
    contrast = Estimate(gained.estimate, gained.std_error, *gained.interval(), gained.p_value)
    extrapolated = comparator.extrapolated or treated.extrapolated
    return MeanTime(horizon, Pair(_mean(comparator), _mean(treated)), contrast, extrapolated)


def _mean(found: Rmst) -> Estimate:
    return Estimate(found.estimate, found.error, *found.interval(), NAN)


def _log_ranks(table: RiskTable, by_hospital: LogRank | None) -> list[LogRankTest]:
    if table.weights is None:
        found = [log_rank_test("log-rank", log_rank(table))]
    else:
        found = [log_rank_test("log-rank weighted", xie_liu(table)), _survey(table)]
    if by_hospital is not None:
        found.append(log_rank_test("log-rank by hospital", by_hospital))
    return found


def _survey(table: RiskTable) -> LogRankTest:
    """Test weighted patients as survey statistics does; its score counts as O - E."""
    found = survey_log_rank(table)
    observed, score = table.weight_events.sum(axis=1), found.score
    expected = Pair(float(observed[0]) + score, float(observed[1]) - score)
    chi_square = ChiSquare(found.chi_square, 1)
    variance = found.std_error * found.std_error
    return LogRankTest(
        "log-rank survey",
        Pair(float(observed[0]), float(observed[1])),
        expected,
        variance,
        test(chi_square),
    )


def _further(
    endpoint: TimeToEvent, table: RiskTable, by_hospital: Mapping[str, LogRank] | None
) -> Iterator[LogRankTest]:
    """Test by the further weights that the plan names, plain and by hospital."""
    for name in endpoint.further_tests if table.weights is None else ():
        yield log_rank_test(name, log_rank(table, weighting=FAMILY[name]))
        if by_hospital is not None:
            yield log_rank_test(f"{name} by hospital", by_hospital[name])


def log_rank_test(name: str, found: LogRank) -> LogRankTest:
    """Write a log-rank test, or one of its family, as a result."""
    chi_square = ChiSquare(found.chi_square, 1)
    observed, expected = Pair(*found.observed), Pair(*found.expected)
    return LogRankTest(name, observed, expected, found.variance, test(chi_square))


def _hazard_ratios(
    table: RiskTable, key: tuple[str, str, str], record: Record
) -> tuple[tuple[HazardRatio, ...], str]:
    try:
        efron, breslow = fit(table, Ties.EFRON), fit(table, Ties.BRESLOW)
    except NotEstimable as refusal:
        return (), refusal.reason
    found = [ratio_of for cox in (efron, breslow) for ratio_of in _both_errors(cox)]
    pairs = _pair_robust(table, efron, key, record)
    found += [pairs] if pairs else []
    found += _stacked((efron, breslow), record.get("stacked-squares/1", *key))
    for ties in Ties:
        by_hospital = _by_hospital(key, ties, record)
        found += [by_hospital] if by_hospital else []
    return tuple(found), ""


def _both_errors(cox: Cox) -> list[HazardRatio]:
    name = str(cox.ties)
    plain = hazard_ratio_of(name, cox.log_hr, cox.std_error, cox.likelihood_ratio, cox.score_test)
    robust = hazard_ratio_of(
        f"{name} robust", cox.log_hr, cox.robust_std_error, NAN, cox.robust_score_test
    )
    return [plain, robust]


def hazard_ratio_of(
    method: str, log_hr: float, std_error: float, likelihood_ratio: float, score_test: float
) -> HazardRatio:
    """Write a log hazard ratio as a result, with Wald limits and test."""
    half, wald = normal_quantile(0.95) * std_error, ratio(log_hr, std_error)
    return HazardRatio(
        method=method,
        log_hr=log_hr,
        std_error=std_error,
        hazard_ratio=exponential(log_hr),
        conf_low=exponential(log_hr - half),
        conf_high=exponential(log_hr + half),
        statistic=wald,
        p_value=chi_square_tail(wald * wald, 1),
        likelihood_ratio=likelihood_ratio,
        score_test=score_test,
    )


def _pair_robust(
    table: RiskTable, cox: Cox, key: tuple[str, str, str], record: Record
) -> HazardRatio | None:
    sets: Squares | None = record.get("set-squares/1", *key, str(cox.ties))
    if sets is not None:
        error = math.sqrt(sets.estimate) * cox.std_error**2
        score = ratio(terms(table.compact(), 0.0, cox.ties).score ** 2, sets.null)
        return hazard_ratio_of(f"{cox.ties} pair-robust", cox.log_hr, error, NAN, score)
    cells = record.get("residuals/1", *key[:2]) if not key[2] else None
    if cells is None:
        return None
    squares = residual_squares(table, cox.log_hr, cox.ties)
    variance = pair_robust_variance(1 / cox.std_error**2, squares, cells)
    return hazard_ratio_of(f"{cox.ties} pair-robust", cox.log_hr, math.sqrt(variance), NAN, NAN)


def _stacked(fits: tuple[Cox, Cox], squares: tuple[float, float] | None) -> list[HazardRatio]:
    """Write the errors that allow for an estimated score: the squares over the information."""
    if squares is None:
        return []
    return [
        hazard_ratio_of(
            f"{cox.ties} stacked", cox.log_hr, math.sqrt(middle) * cox.std_error**2, NAN, NAN
        )
        for cox, middle in zip(fits, squares, strict=True)
    ]


def _by_hospital(key: tuple[str, str, str], ties: Ties, record: Record) -> HazardRatio | None:
    """Read the last trip of the stratified fit; its first is at b = 0."""
    trips: list[StratifiedTerms] = []
    while (learnt := record.get("stratified-cox/1", *key, str(ties), len(trips))) is not None:
        trips.append(learnt)
    if not trips or min(trips[0].informative) == 0 or not trips[-1].terms.information > 0:
        return None
    null, last = trips[0].terms, trips[-1]
    return hazard_ratio_of(
        f"{ties} by hospital",
        last.log_hr,
        1 / math.sqrt(last.terms.information),
        2 * (last.terms.log_likelihood - null.log_likelihood),
        ratio(null.score * null.score, null.information),
    )


def _proportional(
    table: RiskTable, ratios: tuple[HazardRatio, ...]
) -> tuple[ProportionalHazards, ...]:
    if table.weights is not None or not ratios:
        return ()
    log_hr = ratios[0].log_hr

    def tested(transform: Transform) -> Test:
        try:
            return test(zph(table, log_hr, Ties.EFRON, transform))
        except NotEstimable:
            return Test(NAN, 1, NAN)

    return tuple(ProportionalHazards(str(one), tested(one)) for one in Transform)


def _e_value(main: HazardRatio | None) -> Confounding | None:
    """Say how strong a confounder would explain the estimate, and its nearer limit, away."""
    if main is None or not main.conf_high < math.inf:
        return None
    found = e_value(main.hazard_ratio, main.conf_low, main.conf_high)
    return Confounding(found.estimate, found.limit)
