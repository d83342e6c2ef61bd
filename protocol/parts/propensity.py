"""Fit the pooled propensity model by Newton's method on sums."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from protocol.plan.adjustment import Propensity
from protocol.play import Play, ask
from protocol.stats import linear
from protocol.stats.logistic import (
    CONVERGED,
    DEVIANCE_SLACK,
    MAX_HALVINGS,
    MAX_TRIPS,
    Fit,
    LogisticSums,
    capped,
    diverging,
    largest,
    leeway,
    newton_step,
    penalised,
)
from protocol.steps.local import LocalFits
from protocol.steps.model import Model
from protocol.steps.score import Score, ScoreSums

MAX_START = 5.0
"""A start with a coefficient beyond this is no start."""


@dataclass(frozen=True)
class Scores:
    """The fitted model: everybody can score own patients by it."""

    model: Model
    fit: Fit
    at_solution: ScoreSums

    @property
    def b(self) -> tuple[float, ...]:
        """Coefficients of the standardised columns, intercept first."""
        return self.fit.b

    @property
    def logit_mean_sd(self) -> tuple[float, float]:
        """Mean and SD (n - 1) of the logit over all complete cases, both arms together."""
        sums = self.at_solution
        n = sums.patients[0] + sums.patients[1]
        total = sums.logit[0] + sums.logit[1]
        squares = sums.logit_squares[0] + sums.logit_squares[1]
        spread = squares - total * total / n
        return total / n, sqrt(spread / (n - 1)) if spread > 0 and n > 1 else 0.0


@dataclass(frozen=True)
class NoFit:
    """Why there is no propensity score, in a sentence for the report."""

    reason: str


@dataclass(frozen=True)
class Solution:
    """Where Newton's method came to rest: standardised b, information there, trips it took."""

    b: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]
    trips: int
    penalty: str


def fit_propensity(model: Model, start: LocalFits) -> Play[Scores | NoFit]:
    """Fit as the plan says: with its penalty, or by maximum likelihood with its fallback."""
    specification = model.plan.propensity
    if specification is None:
        return NoFit("the plan has no propensity model")
    if specification.penalty != "none":
        return (yield from _penalised(model, specification, specification.penalty))
    b = start.combined.estimate if start.combined else (0.0,) * model.size
    if largest(b) > MAX_START:
        b = (0.0,) * model.size
    found = yield from newton(model, b)
    if isinstance(found, Scores) or specification.fallback == "stop":
        return found
    return (yield from _penalised(model, specification, specification.fallback))


def _penalised(
    model: Model, specification: Propensity, penalty: Literal["ridge", "firth"]
) -> Play[Scores | NoFit]:
    """Fit with a penalty, from b = 0: finite also where covariates separate the arms."""
    if penalty == "firth":
        return (yield from firth(model))
    ridge = 1.0 / (specification.ridge_prior_sd * specification.ridge_prior_sd)
    return (yield from newton(model, (0.0,) * model.size, penalty="ridge", ridge=ridge))


def newton(
    model: Model, b: tuple[float, ...], penalty: str = "none", ridge: float = 0.0
) -> Play[Scores | NoFit]:
    """Iterate b + I^-1 g, halving when the deviance rises, until no coefficient moves.

    The information is taken at the last b asked at, where the step is below 1e-10 SD.
    """
    before: tuple[tuple[float, ...], LogisticSums] | None = None
    halvings, wider = 0, (1.0,) * model.size
    for trip in range(MAX_TRIPS):
        learnt = yield from ask(Score(model, b, penalty, trip))
        if learnt.refused:
            return NoFit(_held_back(model, b))
        sums = penalised(learnt.sums, b, ridge)
        if before is not None and _rose(before[1], sums):
            halvings += 1
            if halvings == MAX_HALVINGS:
                return NoFit("the deviance does not fall along the fit's direction")
            b = _between(b, before[0])
            continue
        try:
            if trip == 0 and penalty == "none":
                wider = leeway(sums.information)
            step = newton_step(sums, wider)
        except linear.NotPositive as singular:
            return NoFit(_collinear(model, singular.column))
        if largest(step, wider) < CONVERGED:
            found = Solution(_moved(b, step), sums.information, trip + 1, penalty)
            return _scores(model, found, learnt)
        runaway = diverging(b, sums, wider) if penalty == "none" else None
        if runaway is not None:
            return NoFit(_separated(model, runaway))
        before = b, sums
        b = _moved(b, step)
    return NoFit("the fit does not settle within the trips allowed")


def firth(model: Model) -> Play[Scores | NoFit]:
    """Fit with Firth's penalty: finite also where covariates separate the arms.

    Two trips an iteration: the information at b, then the score whose leverages use its inverse.
    Where covariates separate the arms the information is far from the slope of that score, and
    plain steps I^-1 g close in slowly; by which factor to correct them is learnt on the way.

    References
    ----------
    Firth (1993), Biometrika 80, 27-38; Broyden (1965), Math. Comput. 19, 577-593.
    """
    b = (0.0,) * model.size
    size = range(model.size)
    factor = tuple(tuple(1.0 if i == j else 0.0 for j in size) for i in size)
    wider = (1.0,) * model.size
    before: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    for iteration in range(MAX_TRIPS):
        plain = yield from ask(Score(model, b, "firth", 2 * iteration))
        if plain.refused:
            return NoFit(_held_back(model, b))
        try:
            if iteration == 0:
                wider = leeway(plain.sums.information)
            inverse = _inverse(plain.sums)
        except linear.NotPositive as singular:
            return NoFit(_collinear(model, singular.column))
        learnt = yield from ask(Score(model, b, "firth", 2 * iteration + 1, inverse))
        plain_step = tuple(linear.solve(learnt.sums.information, learnt.sums.score))
        if largest(plain_step, wider) < CONVERGED:
            trips = 2 * iteration + 2
            found = Solution(_moved(b, plain_step), learnt.sums.information, trips, "firth")
            return _scores(model, found, learnt)
        if before is not None:
            factor = _broyden(factor, before[0], _less(before[1], plain_step))
        step = capped(tuple(linear.dot(row, plain_step) for row in factor), wider)
        before = step, plain_step
        b = _moved(b, step)
    return NoFit("the fit does not settle within the trips allowed")


def _broyden(
    factor: tuple[tuple[float, ...], ...], step: tuple[float, ...], fall: tuple[float, ...]
) -> tuple[tuple[float, ...], ...]:
    """Correct the factor H so that it explains the last step: H y = s (Broyden's good update).

    H + (s - H y) s'H / (s' H y), s the step taken and y by how much the plain step fell by it.
    """
    size = range(len(step))
    moved = tuple(linear.dot(row, fall) for row in factor)
    across = tuple(linear.dot(step, tuple(factor[i][j] for i in size)) for j in size)
    scale = linear.dot(step, moved)
    if scale == 0.0:
        return factor
    return tuple(
        tuple(factor[i][j] + (step[i] - moved[i]) * across[j] / scale for j in size) for i in size
    )


def _less(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _moved(b: tuple[float, ...], step: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(old + move for old, move in zip(b, step, strict=True))


def _between(b: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((one + two) / 2 for one, two in zip(b, other, strict=True))


def _rose(before: LogisticSums, now: LogisticSums) -> bool:
    return now.deviance > before.deviance * (1.0 + DEVIANCE_SLACK)


def _inverse(sums: LogisticSums) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in linear.inverse(sums.information))


def _collinear(model: Model, column: int) -> str:
    return (
        f"the column {model.names[column]} is a combination of the columns before it, or nearly "
        "so; leave it out or merge its levels"
    )


def _separated(model: Model, column: int) -> str:
    return (
        f"the covariates separate the arms: the coefficient of {model.names[column]} runs away; "
        "leave it out, merge levels, or let the plan fall back on ridge or firth"
    )


def _held_back(model: Model, b: tuple[float, ...]) -> str:
    column = 0
    for position, (value, sd) in enumerate(zip(b, model.spread, strict=True)):
        if abs(value * sd) > abs(b[column] * model.spread[column]):
            column = position
    return (
        "the covariates nearly separate the arms: some hospital's sums would speak of few of its "
        f"patients (rule S4), most of all by {model.names[column]}; leave it out or merge levels"
    )


def _scores(model: Model, solution: Solution, learnt: ScoreSums) -> Scores:
    comparator, treated = learnt.patients
    fit = Fit(
        names=model.names,
        b=solution.b,
        information=solution.information,
        centre=model.centre,
        scale=model.scale,
        deviance=learnt.sums.deviance,
        treated=treated,
        patients=comparator + treated,
        trips=solution.trips,
        penalty=solution.penalty,
    )
    return Scores(model, fit, learnt)
