"""Fit the outcome in each arm by sums, and combine the fits with the propensity score."""

from protocol.disclosure import rules, small_difference, too_many_columns
from protocol.parts.propensity import NoFit, Scores, newton
from protocol.plan.endpoints import BinaryOutcome
from protocol.plan.model import Plan
from protocol.play import Play, ask, both, tell
from protocol.steps.doubly_robust import (
    DoublyRobustStep,
    OutcomeCount,
    OutcomeCounts,
    OutcomeModel,
    outcome_model,
)

FEWEST_EVENTS = 5
"""Patients of an arm with the outcome, and without it, that a model of it needs."""


def doubly_robust(plan: Plan, scores: Scores, endpoint: BinaryOutcome) -> Play[None]:
    """Ask the sums of both risks, if each arm has patients enough for its model."""
    counts = yield from ask(OutcomeCount(plan, endpoint))
    if no_model(plan, scores.model.size, counts):
        return
    comparator, treated = yield from both(
        *(_fit(outcome_model(scores.model, endpoint, arm)) for arm in (0, 1))
    )
    if isinstance(comparator, NoFit) or isinstance(treated, NoFit):
        return
    fits = comparator.b, treated.b
    yield from tell(DoublyRobustStep(scores.model, endpoint, scores.b, fits, sum(counts.patients)))


def no_model(plan: Plan, columns: int, counts: OutcomeCounts) -> str:
    """Say why an outcome has no model in one of the arms; "" if it may be fitted.

    Sums over those who were assessed, taken from sums over all complete cases, are about those
    who were not (rule D).
    """
    if small_difference(plan, list(counts.unassessed)):
        floor = rules(plan).difference_floor
        return f"fewer than {floor} patients of an arm were not assessed (rule D)"
    for patients, events in zip(counts.patients, counts.events, strict=True):
        if min(events, patients - events) < FEWEST_EVENTS:
            return f"an arm has fewer than {FEWEST_EVENTS} patients with the outcome, or without it"
        if too_many_columns(plan, columns, patients):
            # Its words would say how many were assessed, which a publication may have to hide.
            return "the model has too many columns for the patients of an arm (rule S3)"
    return ""


def _fit(model: OutcomeModel) -> Play[Scores | NoFit]:
    """Fit by maximum likelihood, or with the plan's ridge prior where that does not settle."""
    zero = (0.0,) * model.size
    found = yield from newton(model, zero)
    asked = model.plan.propensity
    if isinstance(found, Scores) or asked is None:
        return found
    ridge = 1.0 / (asked.ridge_prior_sd * asked.ridge_prior_sd)
    return (yield from newton(model, zero, penalty="ridge", ridge=ridge))
