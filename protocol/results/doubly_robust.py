"""Results of doubly robust risks, from their sums."""

from collections.abc import Iterator

from protocol.parts.doubly_robust import no_model
from protocol.parts.propensity import Scores
from protocol.plan.endpoints import BinaryOutcome
from protocol.question import Record
from protocol.results.survival import NAN
from protocol.results.values.binary import DoublyRobust
from protocol.results.values.estimates import Estimate, Pair
from protocol.run import Played
from protocol.stats.doubly_robust import AugmentedSums, augmented_risks
from protocol.stats.tables import RiskEstimate
from protocol.steps.doubly_robust import OutcomeCounts, outcome_model
from protocol.steps.score import Score

NOBODY = OutcomeCounts((0, 0), (0, 0), (0, 0))
UNSETTLED = "a model of the outcome does not settle"


def doubly_robust(played: Played) -> Iterator[DoublyRobust]:
    """Estimate both risks of every outcome for which the plan asks it."""
    for endpoint in played.plan.binary:
        if endpoint.doubly_robust:
            yield _robust(played, endpoint)


def _robust(played: Played, endpoint: BinaryOutcome) -> DoublyRobust:
    scores, record = played.findings.scores, played.record
    counts: OutcomeCounts = record.get("assessed-counts/1", endpoint.name) or NOBODY
    sums: AugmentedSums | None = record.get("doubly-robust/1", endpoint.name)
    if not isinstance(scores, Scores):
        return _stopped(endpoint, counts, "there is no propensity score")
    if sums is None:
        reason = no_model(played.plan, scores.model.size, counts)
        return _stopped(endpoint, counts, reason or UNSETTLED)
    found = augmented_risks(sums)
    variants = (outcome_model(scores.model, endpoint, arm).variant for arm in (0, 1))
    return DoublyRobust(
        endpoint=endpoint.name,
        label=endpoint.label,
        patients=Pair(*counts.patients),
        events=Pair(*counts.events),
        penalties=Pair(*(_penalty(record, variant) for variant in variants)),
        risk=Pair(*(_estimate(risk) for risk in found.risks)),
        risk_difference=_estimate(found.difference, found.difference_p),
        risk_ratio=_estimate(found.risk_ratio),
        stopped="",
    )


def _penalty(record: Record, variant: str) -> str:
    """Name the kind of the last fit of a model: its answers stand in the order of asking."""
    kinds = [
        answer.step.fit
        for answer in record.answers
        if isinstance(answer.step, Score) and answer.step.model.variant == variant
    ]
    return kinds[-1]


def _estimate(found: RiskEstimate, p_value: float = NAN) -> Estimate:
    return Estimate(found.estimate, NAN, found.lower, found.upper, p_value)


def _stopped(endpoint: BinaryOutcome, counts: OutcomeCounts, reason: str) -> DoublyRobust:
    none = Estimate(NAN, NAN, NAN, NAN, NAN)
    return DoublyRobust(
        endpoint=endpoint.name,
        label=endpoint.label,
        patients=Pair(*counts.patients),
        events=Pair(*counts.events),
        penalties=Pair("", ""),
        risk=Pair(none, none),
        risk_difference=none,
        risk_ratio=none,
        stopped=reason,
    )
