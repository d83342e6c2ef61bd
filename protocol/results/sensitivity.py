"""Results on whether hospitals agree, and hazard ratios adjusted for covariates."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from protocol.parts.adjusted import finished
from protocol.plan.endpoints import BinaryOutcome, TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.survival import hazard_ratio_of
from protocol.results.values.estimates import Estimate, HazardRatio, Pair
from protocol.results.values.sensitivity import HospitalAgreement, LeftOutLimits
from protocol.results.values.strata import CommonOdds
from protocol.results.values.survival import AdjustedResult, AdjustedTerm
from protocol.run import Played
from protocol.stats.adjusted import AdjustedFit
from protocol.stats.distributions import ChiSquare
from protocol.stats.heterogeneity import effects, random_effects
from protocol.stats.tables import MantelHaenszel
from protocol.steps.adjusted import StratifiedAdjusted
from protocol.steps.by_hospital import CommonOdds as HospitalOdds
from protocol.steps.effects import PooledEffects
from protocol.steps.left_out import LeftOutRange
from protocol.steps.outcome_table import Outcomes

NAN = math.nan
TOO_FEW = "too few hospitals have patients with an event in both arms (rule S7)"


def agreement(played: Played) -> Iterator[HospitalAgreement]:
    """Summarise the hospitals' own hazard ratios, endpoint by endpoint and population."""
    asked = played.plan.sensitivity
    if asked is None or not (asked.heterogeneity or asked.leave_one_out):
        return
    for endpoint in played.plan.survival:
        for population in played.findings.populations:
            if not population.weighted:
                yield _agreement(endpoint, population.name, played.record)


def _agreement(endpoint: TimeToEvent, population: str, record: Record) -> HospitalAgreement:
    key = (endpoint.name, population, "")
    first: PooledEffects | None = record.get("effects/1", *key, 0)
    second: PooledEffects | None = record.get("effects/1", *key, 1)
    left_out = _left_out(record.get("left-out/1", *key))
    if first is None or second is None:
        none = test(ChiSquare(NAN, 0))
        return HospitalAgreement(
            endpoint.name, endpoint.label, population, 0, None, None, none, NAN, NAN, left_out
        )
    sums = first.sums
    fixed = effects(first.hospitals, sums.w, sums.w2, sums.wt, sums.wt2)
    random = random_effects(second.sums, fixed, sums.w2)
    return HospitalAgreement(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        hospitals=first.hospitals,
        fixed=_ratio("fixed effect", fixed.estimate, fixed.std_error),
        random=_ratio("random effects", random.estimate, random.std_error),
        spread=test(fixed.spread),
        between_variance=fixed.between_variance,
        inconsistency=fixed.inconsistency,
        left_out=left_out,
    )


def _ratio(method: str, log_hr: float, std_error: float) -> HazardRatio:
    return hazard_ratio_of(method, log_hr, std_error, NAN, NAN)


def _left_out(found: LeftOutRange | None) -> LeftOutLimits | None:
    if found is None:
        return None
    return LeftOutLimits(math.exp(found.low), math.exp(found.high), found.undefined)


def odds_by_hospital(played: Played) -> Iterator[CommonOdds]:
    """Summarise outcomes without a time within hospitals, where the plan asks for it."""
    for endpoint in played.plan.binary:
        for population in played.findings.populations:
            key = (endpoint.variable, population.name, "|".join(endpoint.event_levels))
            found: HospitalOdds | None = played.record.get("stratified-outcome/1", *key)
            whole = (endpoint.name, population.name, "")
            counts: Outcomes | None = played.record.get("outcome-table/1", *whole)
            if found is not None and counts is not None:
                strata = Within("hospital", found.hospitals, counts.patients, counts.events)
                yield common_odds(endpoint, population.name, strata, found.parts)


class Within(NamedTuple):
    """Strata of what, how many of them tell the arms apart, and the patients in all of them."""

    strata: str
    informative: int
    patients: tuple[int, int]
    events: tuple[int, int]


def common_odds(
    endpoint: BinaryOutcome, population: str, within: Within, parts: MantelHaenszel
) -> CommonOdds:
    """Write Mantel and Haenszel's odds ratio as a result."""
    low, high = parts.interval()
    return CommonOdds(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        strata=within.strata,
        informative=within.informative,
        patients=Pair(*within.patients),
        events=Pair(*within.events),
        odds_ratio=Estimate(parts.odds_ratio, NAN, low, high, NAN),
        test=test(parts.test),
    )


def adjusted(played: Played) -> Iterator[AdjustedResult]:
    """List the adjusted hazard ratios of every endpoint that the plan wants adjusted."""
    for endpoint in played.plan.survival:
        if endpoint.adjusted:
            yield _adjusted(endpoint, played)


def _adjusted(endpoint: TimeToEvent, played: Played) -> AdjustedResult:
    found, reason = _fit(endpoint, played.record)
    if found is None:
        return AdjustedResult(endpoint.name, endpoint.label, 0, 0, (), reason)
    labels = _labels(played)
    terms = tuple(
        AdjustedTerm(
            name, labels.get(name, name), _ratio(f"{found.ties} adjusted by hospital", b, error)
        )
        for name, b, error in zip(found.names, found.raw, found.std_error, strict=True)
    )
    return AdjustedResult(endpoint.name, endpoint.label, found.patients, found.events, terms, "")


def _fit(endpoint: TimeToEvent, record: Record) -> tuple[AdjustedFit | None, str]:
    """Read the fit off its trips: the first of the last set of columns, and the last."""
    trips = [
        (answer.step, answer.learnt)
        for answer in record.answers
        if isinstance(answer.step, StratifiedAdjusted) and answer.step.key()[0] == endpoint.name
    ]
    if not trips:
        return None, TOO_FEW
    step, last = trips[-1]
    null = next(learnt for asked, learnt in trips if asked.fit == step.fit)
    found = finished(step.adjustment, last, null.terms, step.trip + 1)
    return (found, "") if found else (None, "the fit does not settle: see the covariates")


def _labels(played: Played) -> dict[str, str]:
    plan: Plan = played.plan
    arms, model = plan.treatment, played.findings.model
    columns = {} if model is None else {c.name: c.label for c in model.columns}
    return {arms.variable: f"{arms.treated_label} against {arms.comparator_label}"} | columns
