"""Fit the adjusted hazard ratio by Newton's method on sums."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from protocol.play import Play, ask
from protocol.stats import linear
from protocol.stats.adjusted import (
    CONVERGED,
    MAX_COEFFICIENT,
    MAX_TRIPS,
    AdjustedFit,
    AdjustedTerms,
    adjusted_leeway,
    adjusted_step,
)
from protocol.stats.logistic import largest
from protocol.steps.adjusted import (
    AdjustedSums,
    Adjustment,
    PooledAdjusted,
    StratifiedAdjusted,
)
from protocol.steps.by_hospital import HospitalCount

Asked = StratifiedAdjusted | PooledAdjusted


@dataclass(frozen=True)
class NotAdjusted:
    """Why there is no adjusted hazard ratio, in a sentence for the report."""

    reason: str


def adjusted_by_hospital(adjustment: Adjustment, hospitals: int) -> Play[AdjustedFit | NotAdjusted]:
    """Fit with hazards of each hospital's own, if enough hospitals have information (rule S7)."""

    def question(asked: Adjustment, b: tuple[float, ...], trip: int) -> StratifiedAdjusted:
        return StratifiedAdjusted(asked, b, f"{len(b)} columns", trip)

    enough = yield from ask(HospitalCount(question(adjustment, (0.0,) * len(adjustment.kept), 0)))
    if enough < hospitals:
        return NotAdjusted(f"fewer than {hospitals} hospitals have information (rule S7)")
    return (yield from _fit(adjustment, question))


def adjusted_pooled(
    adjustment: Adjustment, cells: tuple[int, ...]
) -> Play[AdjustedFit | NotAdjusted]:
    """Fit with one hazard for all hospitals (profile `open` only)."""

    def question(asked: Adjustment, b: tuple[float, ...], trip: int) -> Asked:
        return PooledAdjusted(asked, b, f"{len(b)} columns", trip, cells)

    return (yield from _fit(adjustment, question))


def _fit(
    adjustment: Adjustment,
    question: Callable[[Adjustment, tuple[float, ...], int], Asked],
) -> Play[AdjustedFit | NotAdjusted]:
    """Iterate b + I^-1 U from b = 0; columns that add nothing to those before are left out."""
    b = (0.0,) * len(adjustment.kept)
    null: AdjustedTerms | None = None
    trip = 0
    while trip < MAX_TRIPS:
        learnt = yield from ask(question(adjustment, b, trip))
        trip += 1
        try:
            wider = adjusted_leeway(null or learnt.terms)
            step = adjusted_step(learnt.terms, wider)
        except linear.NotPositive as singular:
            if null is not None or singular.column == 0:
                return NotAdjusted("the columns do not tell the patients apart")
            kept = list(adjustment.kept)
            del kept[singular.column]
            adjustment, b, trip = replace(adjustment, kept=tuple(kept)), (0.0,) * len(kept), 0
            continue
        null = null or learnt.terms
        found = finished(adjustment, learnt, null, trip)
        if found is not None:
            return found
        b = tuple(old + move for old, move in zip(b, step, strict=True))
        if largest(b, wider) > MAX_COEFFICIENT:
            return NotAdjusted("a covariate tells who has the event and who has not")
    return NotAdjusted("the fit does not settle within the trips allowed")


def finished(
    adjustment: Adjustment, learnt: AdjustedSums, null: AdjustedTerms, trips: int
) -> AdjustedFit | None:
    """Finish a fit where no coefficient would move any more; None where one would."""
    try:
        step = adjusted_step(learnt.terms)
        wider = adjusted_leeway(null)
    except linear.NotPositive:
        return None
    if not largest(step, wider) < CONVERGED:
        return None
    return AdjustedFit(
        names=adjustment.names,
        b=tuple(old + move for old, move in zip(learnt.b, step, strict=True)),
        scale=adjustment.scale,
        null=null,
        terms=learnt.terms,
        patients=learnt.patients,
        events=learnt.events,
        ties=adjustment.ties,
        trips=trips,
    )
