"""Results within strata of the propensity: tests, ratios and survival standardised over them."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from protocol.parts.strata import ScoreStrata
from protocol.plan.columns import balance_columns
from protocol.plan.endpoints import BinaryOutcome, TimeToEvent
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.sensitivity import Within, common_odds
from protocol.results.survival import hazard_ratio_of, log_rank_test
from protocol.results.values.estimates import HazardRatio, Limits, Pair
from protocol.results.values.strata import (
    CommonOdds,
    GrayTest,
    ScoreStratification,
    ScoreStratum,
    StratifiedSurvival,
    StratumBalance,
)
from protocol.results.values.survival import LandmarkPoint
from protocol.run import Played
from protocol.stats import km
from protocol.stats.competing import CauseTable
from protocol.stats.cox import NotEstimable, Ties, fit_strata
from protocol.stats.gray import GrayParts, gray
from protocol.stats.log_rank import LogRank, log_rank
from protocol.stats.moments import Convention, smd, standardiser
from protocol.stats.standardised import standardised_survival
from protocol.stats.tables import MantelHaenszel, mantel_haenszel
from protocol.steps.describe import Description
from protocol.steps.outcome_table import Outcomes
from protocol.steps.risk_table import Events

NAN = math.nan


def stratification(played: Played) -> ScoreStratification | None:
    """Compare the arms within strata of the score; None where the plan does not, or cannot."""
    strata, asked = played.findings.strata, played.plan.stratification
    if strata is None or asked is None:
        return None
    edges = (-math.inf, *strata.strata.inner_cuts, math.inf)
    survival = [_survival(e, strata, played.record) for e in played.plan.survival]
    odds = [_odds(e, strata, played.record) for e in played.plan.binary]
    return ScoreStratification(
        label=asked.label,
        strata=tuple(
            ScoreStratum(low, high, Pair(*size))
            for low, high, size in zip(edges, edges[1:], strata.sizes, strict=False)
        ),
        balance=_balance(played, strata),
        survival=tuple(found for found in survival if found is not None),
        odds=tuple(found for found in odds if found is not None),
    )


def _balance(played: Played, strata: ScoreStrata) -> tuple[StratumBalance, ...]:
    before: Description = played.record.get("describe/1", "complete")
    within: list[Description] = [
        played.record.get("describe/1", population.name) for population in strata.populations
    ]
    if any(found is None for found in within):
        return ()
    rows = []
    for what in balance_columns(played.plan):
        comparator, treated = (before.moments(what, arm) for arm in (0, 1))
        sd = standardiser(treated, comparator, Convention.POOLED_SD, binary=what.indicator)
        smds = tuple(
            smd(found.moments(what, 1).mean - found.moments(what, 0).mean, sd) for found in within
        )
        rows.append(StratumBalance(what.name, what.label, smds))
    return tuple(rows)


def _survival(
    endpoint: TimeToEvent, strata: ScoreStrata, record: Record
) -> StratifiedSurvival | None:
    found: list[Events] = [
        record.get("risk-table/1", endpoint.name, population.name, "")
        for population in strata.populations
    ]
    if any(events is None for events in found):
        return None
    tests = LogRank((0.0, 0.0), (0.0, 0.0), 0.0)
    for events in found:
        tests = tests + log_rank(events.table)
    ratios, reason = _ratios(found)
    return StratifiedSurvival(
        endpoint=endpoint.name,
        label=endpoint.label,
        patients=_whole(events.table.patients for events in found),
        events=_whole(events.table.events.sum(axis=1) for events in found),
        log_rank=log_rank_test("log-rank by score", tests),
        hazard_ratios=ratios,
        landmarks=Pair(*(_standardised(endpoint, strata, found, arm) for arm in (0, 1))),
        not_estimable=reason,
        gray=tuple(_gray(endpoint, found)),
    )


def _gray(endpoint: TimeToEvent, found: list[Events]) -> Iterator[GrayTest]:
    """Test every cause within strata; an arm or a cause that a stratum lacks adds nothing."""
    names = (endpoint.name, *endpoint.competing) if endpoint.competing else ()
    for cause, name in enumerate(names):
        parts = GrayParts(0.0, 0.0)
        for events in found:
            own = CauseTable(events.events, events.censored, events.grid.times).compact()
            if min(own.all_causes.patients) > 0 and own.events[cause].any():
                parts = parts + gray(own, cause)
        yield GrayTest(name, test(parts.test))


def _whole(counts: Iterable[NDArray[np.int64]]) -> Pair[int]:
    comparator, treated = np.sum(list(counts), axis=0).tolist()
    return Pair(int(comparator), int(treated))


def _ratios(found: list[Events]) -> tuple[tuple[HazardRatio, ...], str]:
    try:
        cox = fit_strata((events.table for events in found), Ties.EFRON)
    except NotEstimable as refusal:
        return (), refusal.reason
    plain = hazard_ratio_of(
        "efron by score", cox.log_hr, cox.std_error, cox.likelihood_ratio, cox.score_test
    )
    robust = hazard_ratio_of(
        "efron by score robust", cox.log_hr, cox.robust_std_error, NAN, cox.robust_score_test
    )
    return (plain, robust), ""


def _standardised(
    endpoint: TimeToEvent, strata: ScoreStrata, found: list[Events], arm: int
) -> tuple[LandmarkPoint, ...]:
    """Average survival over the strata by their shares of all patients."""
    if not endpoint.landmarks:
        return ()
    edges = np.array([found[0].grid.edge(t) for t in endpoint.landmarks], dtype=np.float64)
    points = [km.at(km.curve(events.table.arm(arm)), edges) for events in found]
    sizes = np.array([sum(size) for size in strata.sizes], dtype=np.float64)
    mean = standardised_survival(points, sizes / sizes.sum())
    low, high = km.interval(mean, km.Limits.LOG_LOG)
    return tuple(
        LandmarkPoint(
            time=time,
            grid_time=float(edges[k]),
            at_risk=float(mean.at_risk[k]),
            survival=float(mean.survival[k]),
            std_error=float(mean.std_error[k]),
            limits=(Limits("log-log", float(low[k]), float(high[k])),),
        )
        for k, time in enumerate(endpoint.landmarks)
    )


def _odds(endpoint: BinaryOutcome, strata: ScoreStrata, record: Record) -> CommonOdds | None:
    found: list[Outcomes] = [
        record.get("outcome-table/1", endpoint.name, population.name, "")
        for population in strata.populations
    ]
    if any(counts is None for counts in found):
        return None
    parts = [mantel_haenszel(counts.events, counts.patients) for counts in found]
    total = MantelHaenszel(0.0, 0.0, 0.0, 0.0)
    for part in parts:
        total = total + part
    informative = sum(part.variance > 0 for part in parts)
    patients = _added([counts.patients for counts in found])
    events = _added([counts.events for counts in found])
    return common_odds(endpoint, "complete", Within("score", informative, patients, events), total)


def _added(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
