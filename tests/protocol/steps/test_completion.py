"""Completed rows by hand: which model fills which value, on which scale, from which columns."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.stats.imputation import LevelDraw, LinearDraw
from protocol.steps.completion import CompletedModel, Completion, Recipe, targets
from protocol.steps.describe import Describe
from protocol.steps.hazard import Hazard
from protocol.steps.model import propensity_model
from protocol.steps.population import Complete
from tests.federation.cohorts import ask, clinics, cohort, small_plan

PLAN = small_plan()


@dataclass(frozen=True)
class Fixed:
    """Tickets that are the same number for everybody."""

    value: float

    def uniforms(
        self,
        cohort: Cohort,  # noqa: ARG002
        rows: NDArray[np.intp],
        imputation: int,  # noqa: ARG002
        count: int,
    ) -> NDArray[np.float64]:
        return np.full((len(rows), count), self.value)


def recipe(ticket: float = 0.5) -> Recipe:
    pooled = ask(Describe(PLAN, Complete(PLAN)), clinics())
    aims = targets(PLAN, ("age", "marker", "stage"), pooled)
    model = propensity_model(PLAN, pooled)
    return Recipe(PLAN, model, aims, ask(Hazard(PLAN), clinics()), Fixed(ticket), 1)


def patient(**values: float) -> Cohort:
    """Make one treated woman with stage II, an event of no kind and no fever."""
    ordinary = {"age": 60.0, "marker": 5.0, "stage": 1, "sex": 1}
    return cohort("s", [1], 0, **{name: [v] for name, v in (ordinary | values).items()})


def test_before_any_model_a_number_is_the_complete_cases_median_of_its_scale() -> None:
    here = recipe()
    filled = Completion(here, 1).of(patient(age=np.nan, marker=np.nan))
    age, marker, _ = here.targets
    assert filled.values["age"][0] == pytest.approx(age.centre)
    # The model takes the marker's logarithm, so it is drawn there.
    assert filled.values["marker"][0] == pytest.approx(math.exp(marker.centre))


@pytest.mark.parametrize("ticket", [0.01, 0.35, 0.65, 0.99])
def test_before_any_model_a_level_is_drawn_by_the_complete_cases_shares(ticket: float) -> None:
    here = recipe(ticket)
    shares = np.cumsum(here.targets[2].start)
    assert shares[-1] == pytest.approx(1)
    filled = Completion(here, 1).of(patient(stage=-1))
    assert filled.values["stage"][0] == int((ticket > shares).sum())


def test_a_model_reads_arm_other_covariates_and_outcomes_in_this_order() -> None:
    here = recipe()
    row = patient(age=np.nan)
    age = here.targets[0]
    names = [c.name for c in here.model.columns if c.variable != "age"]
    assert here.columns(age) == 1 + len(names) + 3
    outcomes = here.prognosis.matrix(row)
    x = here.predictors(row, outcomes, age, np.array([0]))[0]
    # Treated; stage II of II and III; a woman; neither event nor fever, hazard at day 30.
    assert x[0] == 1
    assert (x[1 + names.index("stage=II")], x[1 + names.index("stage=III")]) == (1, 0)
    assert x[1 + names.index("sex")] == 1
    assert (x[-3], x[-1]) == (0, 0)
    assert x[-2] == here.prognosis.hazards["relapse"][30]
    only_arm = LinearDraw((0.5, 0.25, *[0.0] * (here.columns(age) - 1)), 0.0)
    filled = Completion(here, 1).then(only_arm).of(row)
    assert filled.values["age"][0] == pytest.approx(age.centre + 0.75 * age.scale)


def test_later_models_see_what_earlier_ones_drew() -> None:
    here = recipe()
    age, marker, stage = here.targets
    high = LinearDraw((1.0, *[0.0] * here.columns(age)), 0.0)
    at_age = [c.name for c in here.model.columns if c.variable != "marker"].index("age")
    slopes = [0.0] * here.columns(marker)
    slopes[1 + at_age] = 1.0
    follows = LinearDraw((0.0, *slopes), 0.0)
    third = LevelDraw((-math.inf, -math.inf, 0.0), ((0.0,) * here.columns(stage),) * 3)
    done = Completion(here, 1).then(high).then(follows).then(third)
    filled = done.of(patient(age=np.nan, marker=np.nan, stage=-1))
    place, spread = here.model.names.index("age") - 1, here.model.scale
    standardised = (age.centre + age.scale - here.model.centre[place]) / spread[place]
    assert math.log(filled.values["marker"][0]) == pytest.approx(
        marker.centre + marker.scale * standardised
    )
    assert filled.values["stage"][0] == 2


def test_values_stay_in_their_range_and_the_cohort_as_it_was() -> None:
    here = recipe()
    wild = LinearDraw((1e6, *[0.0] * here.columns(here.targets[0])), 0.0)
    row = patient(age=np.nan)
    assert Completion(here, 1).then(wild).of(row).values["age"][0] == 100
    assert np.isnan(row.values["age"][0])
    whole = patient()
    assert Completion(here, 1).of(whole) is whole


def test_a_completed_model_scores_everybody() -> None:
    here, sites = recipe(), clinics()
    m = here.model
    model = CompletedModel(
        m.plan, m.columns, m.centre, m.scale, m.spread, m.dropped, Completion(here, 2)
    )
    holed = patient(age=np.nan)
    assert len(m.rows(holed)) == 0
    assert len(model.logit(holed, (0.1,) * m.size)) == 1
    np.testing.assert_array_equal(
        model.logit(sites[0], (0.1,) * m.size)[m.rows(sites[0])], m.logit(sites[0], (0.1,) * m.size)
    )
    assert (m.variant, model.variant) == ("", " imputation 2")
