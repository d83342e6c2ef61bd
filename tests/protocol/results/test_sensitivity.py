"""Results on agreement, adjustment and strata: what pooled tables and hospitals' tables say."""

import math
from functools import cache

import numpy as np
import pytest

from protocol.plan.adjustment import Stratification, Weighting
from protocol.results.fold import results
from protocol.results.model import Results
from protocol.run import Played, play
from protocol.stats import km
from protocol.stats.cox import fit, fit_strata
from protocol.stats.log_rank import FAMILY, log_rank
from protocol.stats.standardised import standardised_survival
from protocol.steps.adjusted import StratifiedAdjusted
from protocol.steps.population import Everybody
from protocol.steps.risk_table import RiskTableStep
from tests.federation.cohorts import ask, clinics
from tests.protocol.parts.test_sensitivity import ALL, asking

PLAN = asking(sensitivity=ALL, stratification=Stratification(strata=3))
SITES = clinics(6)


@cache
def played() -> Played:
    return play(PLAN, SITES, b"s" * 32)


@cache
def found() -> Results:
    return results(played())


TABLE = RiskTableStep(PLAN, PLAN.survival[0], Everybody())


def test_further_tests_stand_beside_the_log_rank_test() -> None:
    tests = {t.name: t for r in found().survival if r.population == "all" for t in r.log_rank}
    assert list(tests) == [
        "log-rank", "log-rank by hospital", "gehan", "gehan by hospital", "peto-peto",
        "peto-peto by hospital",
    ]  # fmt: skip
    pooled, own = ask(TABLE, SITES).table, [ask(TABLE, [site]).table for site in SITES]
    assert tests["gehan"].test.statistic == pytest.approx(
        log_rank(pooled, weighting=FAMILY["gehan"]).chi_square
    )
    strata = [log_rank(table, weighting=FAMILY["gehan"]) for table in own]
    chi = sum(t.difference for t in strata) ** 2 / sum(t.variance for t in strata)
    assert tests["gehan by hospital"].test.statistic == pytest.approx(chi)


def test_hospitals_agreement_is_that_of_their_own_fits() -> None:
    (here,) = [a for a in found().agreement if a.population == "all"]
    fits = [fit(ask(TABLE, [site]).table) for site in SITES]
    w = np.array([1 / cox.std_error**2 for cox in fits])
    t = np.array([cox.log_hr for cox in fits])
    mean = float((w * t).sum() / w.sum())
    assert here.hospitals == 6
    assert here.fixed is not None
    assert here.random is not None
    assert here.fixed.log_hr == pytest.approx(mean)
    assert here.spread.statistic == pytest.approx(float((w * (t - mean) ** 2).sum()))
    varying = 1 / (1 / w + here.between_variance)
    assert here.random.log_hr == pytest.approx(float((varying * t).sum() / varying.sum()))
    assert here.left_out is not None
    rest = [fit(ask(TABLE, [*SITES[:k], *SITES[k + 1 :]]).table).hazard_ratio for k in range(6)]
    assert here.left_out.low <= min(rest)
    assert max(rest) <= here.left_out.high
    assert here.left_out.high / here.left_out.low < max(rest) / min(rest) * math.exp(0.11)


def test_common_odds_of_hospitals() -> None:
    here = next(o for o in found().odds_by_hospital if o.population == "all")
    assert (here.strata, here.informative) == ("hospital", 6)
    assert here.odds_ratio.conf_low < here.odds_ratio.estimate < here.odds_ratio.conf_high
    assert 0 < here.test.p_value < 1


def test_adjusted_ratios_stand_in_the_variables_own_units() -> None:
    (here,) = found().adjusted
    assert here.stopped == ""
    assert [term.term for term in here.terms][:2] == ["timing", "age"]
    assert here.terms[0].label == "Early against Late"
    step = next(
        a.step for a in reversed(played().record.answers) if isinstance(a.step, StratifiedAdjusted)
    )
    age = here.terms[1].ratio
    assert age.log_hr * step.adjustment.scale[1] == pytest.approx(step.b[1], abs=1e-9)
    assert age.method == "efron adjusted by hospital"
    assert here.patients <= sum(site.size for site in SITES)


def test_strata_of_the_score() -> None:
    here = found().stratification
    assert here is not None
    strata = played().findings.strata
    assert strata is not None
    assert [s.patients.treated for s in here.strata] == [size[1] for size in strata.sizes]
    assert here.strata[0].low == -math.inf
    tables = [
        ask(RiskTableStep(PLAN, PLAN.survival[0], p), SITES).table for p in strata.populations
    ]
    (survival,) = here.survival
    assert survival.hazard_ratios[0].log_hr == pytest.approx(fit_strata(tables).log_hr)
    chi = sum(log_rank(t).difference for t in tables) ** 2 / sum(
        log_rank(t).variance for t in tables
    )
    assert survival.log_rank.test.statistic == pytest.approx(chi)
    points = [km.at(km.curve(t.arm(1)), np.array([30.0])) for t in tables]
    shares = np.array([sum(size) for size in strata.sizes]) / sum(map(sum, strata.sizes))
    mean = standardised_survival(points, shares)
    assert survival.landmarks.treated[0].survival == pytest.approx(float(mean.survival[0]))
    (odds,) = here.odds
    assert (odds.strata, odds.informative) == ("score", 3)
    assert len(here.balance[0].smds) == 3


def test_risks_have_limits_by_named_methods() -> None:
    first = found().binary[0]
    methods = [(limits.of, limits.method) for limits in first.intervals]
    assert methods[0] == ("comparator", "wilson")
    assert methods[8:] == [
        ("difference", "newcombe"), ("difference", "wald"), ("difference", "agresti-caffo"),
        ("ratio", "katz"), ("odds ratio", "fisher"), ("odds ratio", "woolf"),
    ]  # fmt: skip
    odds = {limits.method: limits for limits in first.intervals if limits.of == "odds ratio"}
    assert odds["fisher"].conf_low == first.odds_ratio.conf_low
    assert odds["woolf"].estimate != first.odds_ratio.estimate
    for limits in first.intervals[:2]:
        risk = getattr(first.risk, limits.of)
        assert limits.conf_low < risk < limits.conf_high


def test_the_estimand_says_who_is_trimmed() -> None:
    weights = (Weighting(name="w", target="overlap", trim=0.25, truncate=0.6),)
    trimmed = results(play(asking("open", weightings=weights), clinics(), b"s" * 32))
    card = next(card for card in trimmed.populations if card.name == "w")
    assert "of those with a propensity of 0.25 to 0.75, weights above 0.6" in card.estimand
    complete = trimmed.flow.complete
    assert card.patients.treated < complete.treated
