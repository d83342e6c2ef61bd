"""Imputation: values that are drawn once, sums that do not know where patients are, and a cure."""

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.canonical import lp
from protocol.cohort import Cohort, column
from protocol.parts.imputation import NAME, Imputed, analyse, complete, missing_covariates
from protocol.parts.matching import LeftOut
from protocol.parts.propensity import Scores, fit_propensity
from protocol.plan.adjustment import Imputation, Weighting
from protocol.plan.columns import balance_columns
from protocol.plan.model import Plan
from protocol.question import Record
from protocol.results.survival import survival_result
from protocol.steps.completion import Completion, KeyedTickets, Recipe, targets
from protocol.steps.describe import Describe
from protocol.steps.flow import Flow
from protocol.steps.hazard import Hazard
from protocol.steps.imputation import CompletedBalance, CrossProducts
from protocol.steps.local import LocalFits
from protocol.steps.model import propensity_model
from protocol.steps.plausible import ImpossibleTotalError
from protocol.steps.population import Complete
from tests.federation.cohorts import (
    ask,
    clinics,
    cohort,
    federations,
    opened,
    pool,
    run_through,
    small_plan,
    spread,
    terms_of,
    walk,
)

COIN = b"c" * 32
WEIGHTS = (Weighting(name="overlap", target="overlap"),)


def plan(profile: str = "open", **changes: object) -> Plan:
    """Give the small plan with weights and imputation, and nothing matched."""
    wanted = {"weightings": WEIGHTS, "imputation": Imputation(imputations=3, cycles=2)}
    return small_plan(profile).model_copy(update={**wanted, "designs": (), **changes})


def blanked(sites: Sequence[Cohort], share: float = 0.15) -> list[Cohort]:
    """Let hospitals' patients miss age, marker or stage, here and there."""
    return [_blanked(site, share, seed) for seed, site in enumerate(sites)]


def _blanked(site: Cohort, share: float, seed: int) -> Cohort:
    random = np.random.default_rng(seed)
    values = dict(site.values)
    for name, nothing in (("age", np.nan), ("marker", np.nan), ("stage", -1)):
        array = values[name].copy()
        array[random.random(site.size) < share] = nothing
        values[name] = array
    return replace(site, values=values)


@cache
def sites() -> tuple[Cohort, ...]:
    return tuple(blanked(clinics(5, 60)))


@dataclass(frozen=True)
class ById:
    """Tickets that hang on the patient's id alone, so that it does not matter who holds the row."""

    def uniforms(
        self, cohort: Cohort, rows: NDArray[np.intp], imputation: int, count: int
    ) -> NDArray[np.float64]:
        seeds = [[imputation, *bytes(cohort.ids[row])] for row in rows]
        drawn = [np.random.default_rng(seed).random(count) for seed in seeds]
        return np.array(drawn).reshape(len(rows), count)


def drawn(where: Sequence[Cohort]) -> tuple[Recipe, tuple[Completion, ...], Record, Scores]:
    """Complete and analyse with a fixed coin, whoever holds the rows."""
    here = plan()
    pooled = ask(Describe(here, Complete(here)), where)
    flow = ask(Flow(here, terms_of(here, where)), where)
    model = propensity_model(here, pooled)
    _, _, scores = run_through(fit_propensity(model, LocalFits(0, None)), where)
    assert isinstance(scores, Scores)
    aims = targets(here, missing_covariates(here, flow), pooled)
    recipe = Recipe(here, model, aims, ask(Hazard(here), where), ById(), 2)
    _, _, made = run_through(complete(recipe, 3, COIN), where)
    _, answers, found = run_through(analyse(scores, made, flow.patients), where)
    assert isinstance(found, Imputed)
    return recipe, made, Record([a for trip in answers for a in trip]), scores


def test_split_equals_pooled_to_the_last_digits() -> None:
    """Same seeds, same patients, other hospitals: models, weights and tables agree."""
    _, apart, apart_record, _ = drawn(sites())
    for where in ([pool(sites())], spread(pool(sites()), 3, seed=4)):
        _, together, record, _ = drawn(where)
        for one, other in zip(apart, together, strict=True):
            for mine, theirs in zip(one.draws, other.draws, strict=True):
                for key, value in vars(mine).items():
                    np.testing.assert_allclose(value, vars(theirs)[key], rtol=1e-9, atol=1e-9)
        for endpoint in plan().survival:
            for number in (1, 2, 3):
                results = [
                    survival_result(endpoint, f"overlap#{number}", "", r)
                    for r in (apart_record, record)
                ]
                mine_hr, theirs_hr = (r.hazard_ratios[1].log_hr for r in results if r)
                assert mine_hr == pytest.approx(theirs_hr, rel=1e-9)


def test_values_that_are_there_stay_and_others_lie_in_their_range() -> None:
    _, made, _, _ = drawn(sites())
    for site in sites():
        for completion in made:
            full = completion.of(site)
            for name, low, high in (("age", 18, 100), ("marker", 0.1, 500), ("stage", 0, 2)):
                before, after = site.values[name], full.values[name]
                there = ~np.isnan(before) if before.dtype.kind == "f" else before >= 0
                np.testing.assert_array_equal(before[there], after[there])
                assert ((after >= low) & (after <= high)).all()
            assert (full.values["sex"] == site.values["sex"]).all()


def test_data_sets_differ_only_where_values_were_missing() -> None:
    _, made, _, _ = drawn(sites())
    one, other = (completion.of(sites()[0]).values["age"] for completion in made[:2])
    changed = one != other
    missing = np.isnan(sites()[0].values["age"])
    assert changed.any()
    assert not (changed & ~missing).any()
    assert changed[missing].mean() > 0.9


def test_a_rerun_redraws_nothing_and_another_secret_redraws_all() -> None:
    site, terms = sites()[0], terms_of(plan(), sites())
    rows = np.arange(5)
    tickets = KeyedTickets(COIN, terms)
    first = tickets.uniforms(site, rows, 1, 4)
    np.testing.assert_array_equal(first, tickets.uniforms(site, rows, 1, 4))
    np.testing.assert_array_equal(first[2:], tickets.uniforms(site, rows[2:], 1, 4))
    assert ((first > 0) & (first < 1)).all()
    others = (
        tickets.uniforms(site, rows, 2, 4),
        tickets.uniforms(replace(site, secret=b"x" * 32), rows, 1, 4),
        KeyedTickets(b"d" * 32, terms).uniforms(site, rows, 1, 4),
    )
    assert all((first != other).all() for other in others)


def test_the_study_asks_it_beside_the_outcomes_and_after_the_coin() -> None:
    walked = walk(plan("exact"), sites())
    asked = [name for name, _ in walked.questions]
    assert walked.findings.imputed is not None
    # Two sweeps of three covariates, one fit and one set of tables a data set.
    assert asked.count("cross-products/1") == 6
    assert asked.count("completed-balance/1") == 3
    assert asked.index("atoms/1") < asked.index("coin/1") < asked.index("hazard/1")
    tables = [key for name, key in walked.questions if name == "risk-table/1"]
    assert ("relapse", "overlap#3", "") in tables


def test_a_coin_that_was_tossed_for_matching_is_not_tossed_again() -> None:
    with_design = plan(designs=small_plan().designs[:1])
    walked = walk(with_design, sites())
    assert [name for name, _ in walked.questions].count("coin/1") == 1
    assert walked.findings.imputed is not None


def test_every_sum_is_of_everybody() -> None:
    """No two sums differ by those who miss one covariate or another (rule D)."""
    walked = walk(plan(), sites())
    everybody = sum(site.size for site in sites())
    products = [a for t in walked.answers for a in t if a.step.name == "cross-products/1"]
    assert len(products) == 6
    for answer in products:
        assert answer.opened is not None
        first = answer.opened.sums["products"][:, 0]  # ones, or patients at the first level
        assert (first == everybody).all() or answer.step.key()[0] == "stage"


def test_products_of_fewer_patients_are_refused() -> None:
    step = next(
        step
        for trip in walk(plan(), sites()).trips
        for step in trip
        if isinstance(step, CrossProducts)
    )
    found = opened(step, sites())
    with pytest.raises(ImpossibleTotalError, match="not those of all patients"):
        step.learn(replace(found, patients=found.patients - 1))


def lost(where: Sequence[Cohort], study: Plan) -> str:
    reasons = {one.name: one.reason for one in walk(study, where).findings.left_out}
    return reasons.get(NAME, "")


def test_what_cannot_be_imputed_is_left_out_by_name() -> None:
    assert lost(clinics(), plan()) == "no patient misses a covariate"
    one_missing = [*clinics(5, 60)[1:], _blanked(clinics(5, 60)[0], 0.02, 3)]
    assert "rule D" in lost(one_missing, plan("exact"))
    assert "withholds" in lost(sites(), plan("standard"))
    assert "rule S3" in lost(blanked(clinics(4, 22), 0.06), plan("exact"))
    separated = [
        cohort(
            f"s{k}", [0, 1] * 20, age=[30, 80] * 20, marker=range(1, 41), stage=[0, 1, 2, 1] * 10
        )
        for k in range(4)
    ]
    assert lost(blanked(separated), plan()) == "there is no propensity score"


def test_without_the_key_nothing_is_asked() -> None:
    walked = walk(plan(imputation=None), sites())
    assert not {"hazard/1", "cross-products/1"} & {name for name, _ in walked.questions}
    assert walked.findings.imputed is None
    assert not isinstance(walked.findings.imputed, LeftOut)


def selective(size: int = 390) -> tuple[list[Cohort], list[Cohort]]:
    """Draw hospitals where age drives choice and outcome; whole, and with ages lost by outcome."""
    whole, holed = [], []
    for k in range(6):
        random = np.random.default_rng([9, k])
        age = np.round(random.normal(60, 10, size).clip(20, 98))
        arm = (random.random(size) < 1 / (1 + np.exp(-0.08 * (age - 60)))).astype(int)
        days = np.ceil(random.exponential(40 * np.exp(-0.04 * (age - 60)))).clip(1, 60)
        status = (days < 60).astype(int)
        marker, stage = random.lognormal(1.5, 0.5, size), random.integers(0, 3, size)
        site = cohort(
            f"s{k}", arm.tolist(), 10_000 * k, age=age, marker=marker, stage=stage, days=days,
            status=status, fever=random.integers(0, 2, size), sex=random.integers(0, 2, size),
        )  # fmt: skip
        # Who relapses early in the treated arm seldom has an age: outcome and arm decide.
        chance = np.where((arm == 1) & (days < 20), 0.7, 0.1)
        some = np.where(random.random(size) < chance, np.nan, age)
        whole.append(site)
        holed.append(replace(site, values={**site.values, "age": some}))
    return whole, holed


def test_imputation_mends_what_complete_cases_get_wrong() -> None:
    """Ages are lost by outcome and arm: complete cases are far off, imputed ones near the truth."""
    whole, holed = selective()
    study = plan(imputation=Imputation(imputations=5), subgroups=(), populations=())

    def log_hr(record: Record, population: str) -> float:
        found = survival_result(study.survival[0], population, "", record)
        assert found is not None
        return found.hazard_ratios[1].log_hr

    truth = log_hr(walk(study, whole).record, "overlap")
    record = walk(study, holed).record
    naive = log_hr(record, "overlap")
    imputed = math.fsum(log_hr(record, f"overlap#{k}") for k in range(1, 6)) / 5
    assert abs(naive - truth) > 0.2
    assert abs(imputed - truth) < 0.1


def test_a_patient_s_numbers_are_those_of_the_specification() -> None:
    """SPEC 8.6, written out with nothing but hashlib."""
    site, terms = sites()[1], terms_of(plan(), sites())
    hidden = hmac.digest(terms.patients_key(site), bytes(site.ids[3]), "sha256")
    seed = hmac.digest(COIN, lp("imputation", b"\2\0\0\0", site.site, hidden), "sha256")
    stream = hashlib.shake_256(seed).digest(24)
    words = [int.from_bytes(stream[at : at + 8], "big") >> 12 for at in (0, 8, 16)]
    found = KeyedTickets(COIN, terms).uniforms(site, np.array([3]), 2, 3)
    assert found[0].tolist() == [(2 * k + 1) / 2**53 for k in words]


@settings(max_examples=5, deadline=None)
@given(federations(most=30), st.floats(0.05, 0.7))
def test_any_federation_comes_to_its_end(hospitals: list[Cohort], share: float) -> None:
    """With hospitals that miss most values, have one arm, or nobody to learn from."""
    here = plan(imputation=Imputation(imputations=2, cycles=1), subgroups=(), populations=())
    walked = walk(here, blanked(hospitals, share))
    left_out = [one for one in walked.findings.left_out if one.name == NAME]
    assert (walked.findings.imputed is None) == bool(left_out)


def test_balance_is_of_covariates_only() -> None:
    """Of another variable one patient may miss the value, and would show in a difference."""
    step = next(
        step
        for trip in walk(plan(), sites()).trips
        for step in trip
        if isinstance(step, CompletedBalance)
    )
    assert step.layout().fields[2].shape == (len(balance_columns(plan())), 2)
    sums = step.learn(opened(step, sites()))
    everybody = pool([step.completion.of(site) for site in sites()])
    for what in balance_columns(plan()):
        x = column(plan(), what, everybody, everybody.arm == 1)
        assert sums.before(what, 1).mean == pytest.approx(x.mean())
        assert sums.before(what, 1).variance == pytest.approx(x.var(ddof=1))
