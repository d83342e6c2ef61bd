"""Results within matched pairs, and how far they hang on the lottery that drew them."""

import math
from collections.abc import Iterator

from protocol.parts.matching import LocalMatch, PooledMatch
from protocol.plan.endpoints import TimeToEvent
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.survival import hazard_ratio_of, log_rank_test
from protocol.results.values.estimates import HazardRatio
from protocol.results.values.pairs import DiscordantPairs, HiddenBias, PairsResult
from protocol.results.values.sensitivity import LotteryResult
from protocol.run import Played
from protocol.stats.cox import NotEstimable, fit
from protocol.stats.distributions import ratio
from protocol.stats.pairs import EventCell, McNemar, PairedTimes, expected_mcnemar
from protocol.stats.sensitivity import lottery_spread
from protocol.steps.risk_table import Events

NAN = math.nan
GAMMAS = (1.0, 1.25, 1.5, 2.0, 3.0)
"""Strengths of hidden bias for which bounds are told."""


def pairs(played: Played) -> Iterator[PairsResult]:
    """Tell of the pairs of every design whose pairs the plan wants looked at."""
    for made in played.findings.designs:
        for endpoint in played.plan.survival:
            if isinstance(made, LocalMatch):
                found = _known(endpoint, made.population.name, played.record)
            elif isinstance(made, PooledMatch):
                found = _by_cell(endpoint, made, played.record)
            else:
                found = None
            if found is not None:
                yield found


def _known(endpoint: TimeToEvent, population: str, record: Record) -> PairsResult | None:
    key = endpoint.name, population
    times: PairedTimes | None = record.get("paired-times/1", *key)
    if times is None:
        return None
    tests = ((t, record.get("paired-events/1", *key, t)) for t in endpoint.landmarks)
    return PairsResult(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        by_cell=False,
        pairs=times.pairs,
        discordant=tuple(_discordant(t, one) for t, one in tests if one is not None),
        log_rank=log_rank_test("log-rank by pair", times.log_rank),
        hazard_ratio=_ratio(times),
    )


def _ratio(times: PairedTimes) -> HazardRatio | None:
    """Write the hazard ratio within pairs."""
    try:
        found = times.fit()
    except NotEstimable:
        return None
    return hazard_ratio_of(
        "efron by pair",
        found.log_hr,
        1 / math.sqrt(found.terms.information),
        2 * (found.terms.log_likelihood - found.null.log_likelihood),
        ratio(found.null.score**2, found.null.information),
    )


def _by_cell(endpoint: TimeToEvent, made: PooledMatch, record: Record) -> PairsResult | None:
    name = made.population.name
    tests: list[DiscordantPairs] = []
    for time in endpoint.landmarks:
        cells: tuple[EventCell, ...] | None = record.get("pair-cells/1", endpoint.name, name, time)
        if cells is not None:
            tests.append(_discordant(time, expected_mcnemar(cells)))
    if not tests:
        return None
    count = made.quotas.matched[made.quotas.focal]
    return PairsResult(endpoint.name, endpoint.label, name, True, count, tuple(tests), None, None)


def _discordant(time: int, found: McNemar) -> DiscordantPairs:
    return DiscordantPairs(
        time=time,
        only_treated=float(found.only_treated),
        only_comparator=float(found.only_control),
        spread=found.spread,
        mcnemar=test(found.plain),
        corrected=test(found.corrected),
        exact_p=found.exact_p,
        bounds=tuple(HiddenBias(gamma, found.upper_p(gamma)) for gamma in GAMMAS),
    )


def lotteries(played: Played) -> Iterator[LotteryResult]:
    """Tell how far other lotteries would have moved each hazard ratio."""
    for made in played.findings.designs:
        if not isinstance(made, PooledMatch):
            continue
        for endpoint in played.plan.survival:
            name = made.population.name
            scores = played.record.get("lottery-scores/1", endpoint.name, name)
            events: Events | None = played.record.get("risk-table/1", endpoint.name, name, "")
            if scores is not None and events is not None:
                yield _lottery(endpoint, name, events, scores)


def _lottery(
    endpoint: TimeToEvent, population: str, events: Events, scores: tuple[float, ...]
) -> LotteryResult:
    cox = fit(events.table)
    found = lottery_spread(cox.log_hr, 1 / cox.std_error**2, scores)
    return LotteryResult(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        lotteries=found.lotteries,
        hazard_ratio=cox.hazard_ratio,
        low=math.exp(found.low),
        high=math.exp(found.high),
        std_dev=found.std_dev,
        share=ratio(found.std_dev, cox.std_error),
    )
