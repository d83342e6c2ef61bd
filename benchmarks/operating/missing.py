"""Studies with missing covariates: all values known, complete cases, and imputation.

The steps, draws and pooling are those of the federation, asked of all rows at once: however rows
are spread, the sums are the same.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from benchmarks.operating.estimators import Estimate
from benchmarks.operating.studies import Study
from protocol.cohort import Cohort, Extract, enrol
from protocol.ids import site_id
from protocol.parts.imputation import Imputed, analyse, complete, missing_covariates
from protocol.parts.propensity import Scores, newton
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.play import Play, ask
from protocol.question import Answer, AnyStep, Opened
from protocol.stats.cox import fit
from protocol.stats.rubin import pool
from protocol.steps.coin import CoinTerms
from protocol.steps.completion import KeyedTickets, Recipe, targets
from protocol.steps.describe import Describe, Description
from protocol.steps.flow import Flow
from protocol.steps.hazard import Hazard
from protocol.steps.model import propensity_model
from protocol.steps.population import Complete
from protocol.steps.risk_table import EVERY, Events, RiskTableStep
from protocol.steps.weighting import Weighted

T = TypeVar("T")

NUMBERS = ("first", "second", "third", "lesions")
MARKS = ("sex", "nodes", "synchronous")
LOST = ("second", "nodes", "side")
"""Covariates that miss values, by the arm, the outcome and a covariate that is known."""


def plan() -> Plan:
    """Read the plan that all these studies follow."""
    path = Path(__file__).with_name("missing.toml")
    return read_plan(path.read_text(encoding="utf-8"), path.name)


def missing_estimates(study: Study, here: Plan, random: Generator) -> Iterator[Estimate]:
    """Make the overlap-weighted estimate from all values, complete cases, and imputed ones."""
    whole = cohort(study, here, random)
    holed = with_holes(whole, random)
    yield _weighted("all values known", whole, here)
    yield _weighted("complete cases", holed, here)
    yield _imputed("imputed, Rubin's rules", holed, here, random)


def cohort(study: Study, here: Plan, random: Generator) -> Cohort:
    """Put a study's patients into the plan's terms, as one hospital."""
    n = len(study.arm)
    values = {name: study.x[:, at] for at, name in enumerate(NUMBERS)}
    values |= {name: study.x[:, 4 + at].astype(np.int8) for at, name in enumerate(MARKS)}
    values["side"] = (study.x[:, 7] + 2 * study.x[:, 8]).astype(np.int16)
    values["treated"] = study.arm.astype(np.int8)
    values["days"] = study.days.astype(np.int32)
    values["died"] = study.event.astype(np.int8)
    ids = np.array([f"{row}" for row in range(n)], dtype=np.bytes_)
    extract = Extract(ids, values, np.zeros(n, dtype=np.bool_))
    return enrol(here, site_id("all"), extract, random.bytes(32))


def with_holes(whole: Cohort, random: Generator) -> Cohort:
    """Lose a tenth to a fifth of three covariates: early deaths of the treated lose most."""
    early = (whole.values["died"] == 1) & (whole.values["days"] < 500)
    log_odds = -2.6 + 2.0 * (early & (whole.arm == 1)) + 0.5 * whole.values["first"]
    values = dict(whole.values)
    for name in LOST:
        lost = random.random(whole.size) < 1 / (1 + np.exp(-log_odds))
        array = values[name].copy()
        array[lost] = np.nan if name in NUMBERS else -1
        values[name] = array
    return replace(whole, values=values)


def answered(play: Play[T], site: Cohort) -> T:
    """Answer a play's questions from one hospital, without masks."""
    try:
        trip = next(play)
        while True:
            trip = play.send(tuple(Answer(step, _opened(step, site)) for step in trip))
    except StopIteration as end:
        found: T = end.value
        return found


def _opened(step: AnyStep, site: Cohort) -> Opened:
    said = {site.site: text} if (text := step.statement(site)) else {}
    return Opened(dict(step.local(site)), (site.site,), site.size, 0, said)


def _scores(site: Cohort, here: Plan) -> tuple[Description, Scores]:
    pooled = answered(ask(Describe(here, Complete(here))), site)
    model = propensity_model(here, pooled)
    scores = answered(newton(model, (0.0,) * model.size), site)
    if not isinstance(scores, Scores):
        raise TypeError(scores.reason)
    return pooled, scores


def _log_hr(site: Cohort, here: Plan, population: Weighted) -> tuple[float, float]:
    table = RiskTableStep(here, here.survival[0], population, EVERY)
    events: Events = answered(ask(table), site)
    cox = fit(events.table)
    return cox.log_hr, cox.robust_std_error


def _weighted(method: str, site: Cohort, here: Plan) -> Estimate:
    _, scores = _scores(site, here)
    population = Weighted(here.weightings[0], scores.model, scores.b, 0.5)
    log_hr, error = _log_hr(site, here, population)
    patients = int((population.weights(site) > 0).sum())
    return Estimate(method, "robust", "overlap", log_hr, error, float("nan"), patients)


def _imputed(method: str, site: Cohort, here: Plan, random: Generator) -> Estimate:
    pooled, scores = _scores(site, here)
    terms, coin = CoinTerms(bytes(32), bytes(32), ()), random.bytes(32)
    flow = answered(ask(Flow(here, terms)), site)
    drawn = targets(here, missing_covariates(here, flow), pooled)
    prognosis = answered(ask(Hazard(here)), site)
    wanted = here.imputation
    if wanted is None:
        raise ValueError("the plan does not impute")
    tickets = KeyedTickets(coin, terms)
    recipe = Recipe(here, scores.model, drawn, prognosis, tickets, wanted.cycles)
    made = answered(complete(recipe, wanted.imputations, coin), site)
    found = answered(analyse(scores, made, flow.patients), site)
    if not isinstance(found, Imputed):
        raise TypeError(found.reason)
    each = [_log_hr(site, here, one) for one in found.populations["overlap"]]
    died = int((site.values["died"] == 1).sum())
    pooled_hr = pool([q for q, _ in each], [e * e for _, e in each], died - 1)
    low, high = pooled_hr.interval()
    # Half the interval over 1.96, so that coverage is that of the t interval.
    error = (high - low) / (2 * 1.959963984540054)
    return Estimate(method, "Rubin", "overlap", pooled_hr.estimate, error, float("nan"), site.size)
