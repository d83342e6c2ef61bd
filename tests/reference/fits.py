"""The propensity models of a case: R's way with columns that add nothing, and hospital effects.

Both take further studies, which ask nothing but the fit.
"""

from dataclasses import replace

from protocol.parts.propensity import Scores, newton
from protocol.plan.model import Plan
from protocol.run import Played
from protocol.stats import linear
from protocol.steps.describe import Describe, Description
from protocol.steps.model import propensity_model
from protocol.steps.population import Complete
from protocol.steps.score import Score
from tests.reference.axis import TimeAxis
from tests.reference.bench import Bench
from tests.reference.plan_of import play_case
from tests.reference.terms import Measure, Terms

FEWEST_IN_ARM = 3
"""Patients of either arm that every hospital needs to have an effect of its own."""
FEWEST_IN_LOCAL_ARM, PER_COLUMN = 5, 3
"""Patients of either arm, and for each column, that a fit of a hospital's own needs."""


def main_fit(terms: Terms, played: Played) -> Scores | None:
    """Find the fit without columns that are combinations of others, as R leaves them out.

    Only covariates of one column can be left out of a plan, and only those that nobody misses:
    leaving out another would change who is a complete case.
    """
    asked = terms.covariates
    while not isinstance(played.findings.scores, Scores):
        surplus = _surplus(played, asked)
        missing = {} if surplus is None else played.record.get("flow/1").missing
        if surplus is None or len(asked) == 1 or any(missing[surplus.code]):
            return None
        asked = tuple(measure for measure in asked if measure is not surplus)
        played = _fit_only(terms, asked)
    return played.findings.scores


def fit_with_hospitals(terms: Terms, played: Played) -> Scores | None:
    """Fit with an effect of each hospital, if each has patients enough of both arms."""
    described: Description = played.record.get("describe/1", "complete")
    sizes = [
        described.level(terms.site.variable, level, arm)
        for level in terms.case.sites
        for arm in (0, 1)
    ]
    if len(terms.case.sites) < 2 or min(sizes) < FEWEST_IN_ARM:
        return None
    found = _fit_only(terms, (*terms.covariates, terms.site)).findings.scores
    return found if isinstance(found, Scores) and found.fit.penalty == "none" else None


def local_fit(plan: Plan, bench: Bench, columns: int) -> Scores | None:
    """Fit to one hospital's patients alone, if it has enough for a fit with all columns."""
    described = bench.ask(Describe(plan, Complete(plan)))
    n = sum(described.patients)
    if n <= PER_COLUMN * columns or min(described.patients) < FEWEST_IN_LOCAL_ARM:
        return None
    model = propensity_model(plan, described)
    if model.size < columns:
        return None
    found = bench.play(newton(model, (0.0,) * model.size))
    return found if isinstance(found, Scores) else None


def firth_fit(terms: Terms) -> Scores | None:
    """Fit with Firth's penalty, which has a finite solution for any covariates."""
    found = _fit_only(terms, terms.covariates, firth=True).findings.scores
    return found if isinstance(found, Scores) else None


def _fit_only(terms: Terms, covariates: tuple[Measure, ...], *, firth: bool = False) -> Played:
    """Play a study of who is treated, and of nothing that came later."""
    few = replace(terms, covariates=covariates, outcomes=(), endings=(), competing=None)
    return play_case(few, TimeAxis(0, 1), (), firth=firth)


def _surplus(played: Played, asked: tuple[Measure, ...]) -> Measure | None:
    """Find the covariate of one column that is a combination of those before it."""
    sums = [a.learnt.sums for a in played.record.answers if isinstance(a.step, Score)]
    model = played.findings.model
    if not sums or model is None:
        return None
    try:
        linear.cholesky(sums[-1].information)
    except linear.NotPositive as singular:
        name = model.names[singular.column]
        return next((m for m in asked if m.columns == (m.name,) and m.code == name), None)
    return None
