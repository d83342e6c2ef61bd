"""Ask the outcomes of one population: tables first, then what is built on them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from protocol.disclosure import rules
from protocol.parts.by_hospital import (
    agreement,
    common_odds,
    further_tests,
    left_out,
    stratified_hazards,
)
from protocol.parts.matching import with_borders
from protocol.parts.pairs import cell_events, lottery_scores, other_lotteries, within_pairs
from protocol.parts.stacked import stacked
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.play import Play, ask, both, tell, together
from protocol.stats.cox import NotEstimable, Ties, fit, score_residuals
from protocol.steps.by_hospital import StratifiedGray, StratifiedOutcome
from protocol.steps.outcome_table import OutcomeTable
from protocol.steps.population import Population
from protocol.steps.quota import Draw, Matched
from protocol.steps.residuals import Residuals
from protocol.steps.risk_table import EVERY, Events, Level, RiskTableStep
from protocol.steps.stratified import Contributors, StratifiedLogRank


def outcomes(
    plan: Plan, population: Population, size: tuple[int, int], subgroups: tuple[Level, ...]
) -> Play[None]:
    """Ask every endpoint of a population of known size, subgroup levels beside the whole."""
    tables = [_table(step) for step in _plain_tables(plan, population, size, subgroups)]
    survival = [
        _survival(RiskTableStep(plan, endpoint, population, EVERY, size))
        for endpoint in plan.survival
    ]
    cells = [_cells(plan, population)] if plan.survival else []
    odds = _odds(plan, population)
    found = yield from together([*survival, *cells, *tables, *odds])
    paired = found[len(survival)] if cells else None
    if isinstance(paired, Paired):
        events = [table for table in found[: len(survival)] if isinstance(table, Events)]
        asked = zip(plan.survival, events, strict=True)
        yield from together(
            part
            for endpoint, table in asked
            for part in _of_pairs(
                RiskTableStep(plan, endpoint, population, EVERY, size), paired, table
            )
        )


def _plain_tables(
    plan: Plan, population: Population, size: tuple[int, int], subgroups: tuple[Level, ...]
) -> list[RiskTableStep | OutcomeTable]:
    """List the tables on which no further question is built."""
    return [
        *(RiskTableStep(plan, e, population, level) for e in plan.survival for level in subgroups),
        *(OutcomeTable(plan, e, population, EVERY, size) for e in plan.binary),
        *(OutcomeTable(plan, e, population, level) for e in plan.binary for level in subgroups),
    ]


def _table(step: RiskTableStep | OutcomeTable) -> Play[None]:
    yield from tell(step)


def _survival(step: RiskTableStep) -> Play[Events | None]:
    events, contributing = yield from both(tell(step), ask(Contributors(step)))
    enough = contributing >= rules(step.plan).strata_hospitals
    if enough:
        beside = [*within_pairs(step, events)]
        if not step.population.weighted:
            beside += [*_stratified(step), *_sensitivity(step, events)]
        elif step.plan.sensitivity is not None and step.plan.sensitivity.estimated_scores:
            beside.append(stacked(step, events))
        yield from together(beside)
    return events


def _stratified(step: RiskTableStep) -> Iterator[Play[Any]]:
    """Test with hazards of each hospital's own: a few sums a test, and a few trips for Cox."""
    yield _log_rank(step)
    yield from (stratified_hazards(step, ties) for ties in Ties)
    if step.endpoint.further_tests:
        yield further_tests(step)
    if step.endpoint.gray_by_hospital:
        causes = range(1 + len(step.endpoint.competing))
        yield from (tell(StratifiedGray(step, cause)) for cause in causes)


def _sensitivity(step: RiskTableStep, events: Events | None) -> Iterator[Play[Any]]:
    """Ask whether hospitals agree, as far as the plan wants to know."""
    asked = step.plan.sensitivity
    if asked is not None and asked.heterogeneity:
        yield agreement(step)
    if asked is not None and asked.leave_one_out:
        yield left_out(step, events)


def _odds(plan: Plan, population: Population) -> list[Play[None]]:
    """Compare outcomes without a time within hospitals, if the plan asks for it."""
    if plan.sensitivity is None or not plan.sensitivity.common_odds or population.weighted:
        return []
    return [
        common_odds(StratifiedOutcome(plan, population, e.variable, e.event_levels))
        for e in plan.binary
    ]


def _log_rank(step: RiskTableStep) -> Play[None]:
    yield from tell(StratifiedLogRank(step))


@dataclass(frozen=True)
class Paired:
    """A population matched across hospitals whose patients know their cells.

    `others` are lotteries to look at beside the one that was kept.
    """

    population: Matched
    others: tuple[Draw, ...]


def _cells(plan: Plan, population: Population) -> Play[Paired | None]:
    """Tell each matched patient its flow cell, where pairs may be looked at."""
    if not isinstance(population, Matched) or not rules(plan).totals_to_sites:
        return None
    if population.weighted:  # sets of unequal size have no pairs
        return None
    draw, others = yield from both(
        with_borders(population.name, population.draw), other_lotteries(plan, population)
    )
    return Paired(replace(population, draw=draw), others)


def _of_pairs(step: RiskTableStep, paired: Paired, events: Events) -> Iterator[Play[Any]]:
    """Ask what is built on the cells of pairs and on the open table."""
    yield _residuals(step.plan, step.endpoint, paired.population, events)
    yield from cell_events(step, paired.population)
    if paired.others:
        yield lottery_scores(step, paired.population, paired.others, events.table)


def _residuals(
    plan: Plan, endpoint: TimeToEvent, population: Matched, events: Events
) -> Play[None]:
    """Ask whether pairs resemble each other: their residuals follow from the open table."""
    try:
        cox = fit(events.table)
    except NotEstimable:
        return
    residuals = score_residuals(events.table, cox.log_hr)
    yield from ask(Residuals(plan, endpoint, population, residuals))
