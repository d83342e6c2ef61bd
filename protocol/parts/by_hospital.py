"""Plays stratified by hospital: one hazard ratio over hospitals, and whether theirs agree."""

from dataclasses import dataclass

from protocol.disclosure import rules
from protocol.play import Play, ask, tell
from protocol.stats.cox import (
    MAX_TRIPS,
    NotEstimable,
    Ties,
    check_estimable,
    converged,
    next_log_hr,
)
from protocol.stats.heterogeneity import (
    Effects,
    RandomEffects,
    effects,
    random_effects,
    reml_step,
)
from protocol.steps.by_hospital import HospitalCount, StratifiedFamily, StratifiedOutcome
from protocol.steps.clustered import StratifiedSquares
from protocol.steps.effects import HospitalEffects
from protocol.steps.left_out import LeftOutHospitals, LeftOutRange
from protocol.steps.risk_table import Events, RiskTableStep
from protocol.steps.stratified import StratifiedCox

REML_TRIPS = 100
REML_SETTLED = 1e-13


def stratified_hazards(step: RiskTableStep, ties: Ties, *, squares: bool = False) -> Play[None]:
    """Solve for the log hazard ratio from b = 0; each b follows from this step's own totals.

    `squares` asks at the end for what a robust error takes.
    """
    b = 0.0
    for trip in range(MAX_TRIPS):
        learnt = yield from ask(StratifiedCox(step, ties, b, trip))
        try:
            check_estimable(*learnt.informative)
            if converged(learnt.terms):
                break
            b = next_log_hr(learnt.terms, b)
        except NotEstimable:
            return
    if squares:
        yield from tell(StratifiedSquares(step, ties, b))


@dataclass(frozen=True)
class Agreement:
    """The hospitals' own hazard ratios, summarised: one effect, or one that varies.

    `restricted` (REML) takes sums that only the profile `open` allows.
    """

    fixed: Effects
    moments: RandomEffects
    restricted: RandomEffects | None


def agreement(step: RiskTableStep) -> Play[Agreement | None]:
    """Ask whether hospitals agree, where enough have a hazard ratio of their own (rule S7).

    None where fewer have, or nobody has. The first trip's sums give Cochran's Q and the variance
    between hospitals by moments; the second's, weighed by it, the mean of varying effects.
    """
    hospitals = yield from ask(HospitalCount(HospitalEffects(step)))
    if hospitals < max(2, rules(step.plan).fit_hospitals):
        return None
    first = yield from ask(HospitalEffects(step))
    sums = first.sums
    fixed = effects(first.hospitals, sums.w, sums.w2, sums.wt, sums.wt2)
    second = yield from ask(HospitalEffects(step, fixed.between_variance, 1))
    moments = random_effects(second.sums, fixed, sums.w2)
    restricted = None
    if step.plan.disclosure.profile == "open":
        restricted = yield from _restricted(step, fixed, sums.w2)
    return Agreement(fixed, moments, restricted)


def _restricted(step: RiskTableStep, fixed: Effects, sum_w2: float) -> Play[RandomEffects | None]:
    """Find the variance between hospitals by restricted maximum likelihood, a trip a step."""
    between = fixed.between_variance
    for trip in range(2, REML_TRIPS):
        learnt = yield from ask(HospitalEffects(step, between, trip))
        following = reml_step(learnt.sums)
        if abs(following - between) <= REML_SETTLED:
            return random_effects(learnt.sums, fixed, sum_w2)
        between = following
    return None


def further_tests(step: RiskTableStep) -> Play[None]:
    """Ask the log-rank test's relatives, stratified by hospital."""
    yield from tell(StratifiedFamily(step, step.endpoint.further_tests))


def common_odds(step: StratifiedOutcome) -> Play[None]:
    """Ask Mantel and Haenszel's odds ratio, where enough hospitals have one (rule S7)."""
    hospitals = yield from ask(HospitalCount(step))
    if hospitals >= rules(step.plan).strata_hospitals:
        yield from tell(step)


def left_out(step: RiskTableStep, events: Events | None) -> Play[LeftOutRange | None]:
    """Ask between which limits the hazard ratio stays without any one hospital (rules L, S7)."""
    if events is None or not rules(step.plan).totals_to_sites:
        return None
    asked = LeftOutHospitals(step, events)
    hospitals = yield from ask(HospitalCount(asked))
    if hospitals < max(2, rules(step.plan).fit_hospitals):
        return None
    return (yield from ask(asked))
