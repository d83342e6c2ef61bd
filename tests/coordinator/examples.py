"""A small study's results, written by hand: ten patients against eight, one endpoint each.

`results` has a matched population, `weighted` a weighted one instead, `both` has both, and
`competing` tells two causes apart.
"""

import math
from dataclasses import replace
from typing import Any

from protocol.results.model import SCHEMA, Leaving, Results, StudyCard
from protocol.results.values.binary import BinaryResult
from protocol.results.values.causes import (
    CauseResult,
    CompetingResult,
    IncidenceCurvePoints,
    IncidencePoint,
)
from protocol.results.values.estimates import Estimate, HazardRatio, Limits, LogRankTest, Pair, Test
from protocol.results.values.patients import (
    ArmTest,
    BalanceRow,
    Exclusion,
    Flow,
    Missing,
    Summary,
    TableOne,
    TableRow,
)
from protocol.results.values.propensity import (
    Coefficient,
    Histogram,
    MatchedDesign,
    PopulationCard,
    Propensity,
)
from protocol.results.values.sensitivity import Imputation, ImputedBalance, ImputedEstimate
from protocol.results.values.survival import (
    Confounding,
    CurvePoints,
    LandmarkContrast,
    LandmarkPoint,
    MeanTime,
    ProportionalHazards,
    QuantilePoint,
    SurvivalResult,
)

NAN = math.nan

# Comparator: 10 patients, events at 100, 200 and 400 days; two leave at 300, five at 500.
COMPARATOR = CurvePoints(
    times=(100.0, 200.0, 300.0, 400.0, 500.0),
    at_risk=(10.0, 9.0, 8.0, 6.0, 5.0),
    events=(1.0, 1.0, 0.0, 1.0, 0.0),
    censored=(0.0, 0.0, 2.0, 0.0, 5.0),
    survival=(0.9, 0.8, 0.8, 2 / 3, 2 / 3),
    std_error=(0.09, 0.12, 0.12, 0.16, 0.16),
    conf_low=(0.47, 0.41, 0.41, 0.28, 0.28),
    conf_high=(0.99, 0.95, 0.95, 0.88, 0.88),
    cumulative_hazard=(0.1, 0.21, 0.21, 0.38, 0.38),
)
# Treated: 8 patients, one event at 200 days, the others leave at 600.
TREATED = CurvePoints(
    times=(200.0, 600.0),
    at_risk=(8.0, 7.0),
    events=(1.0, 0.0),
    censored=(0.0, 7.0),
    survival=(0.875, 0.875),
    std_error=(0.12, 0.12),
    conf_low=(0.39, 0.39),
    conf_high=(0.98, 0.98),
    cumulative_hazard=(0.125, 0.125),
)
EMPTY = CurvePoints((), (), (), (), (), (), (), (), ())


def study() -> StudyCard:
    return StudyCard(
        id="small",
        title="A small study",
        purpose="Does it work?",
        people=("A Person, statistician",),
        time_unit="day",
        profile="exact",
        plan_digest="ab" * 32,
        plan_handle="maple-otter-quartz abababab",
        program="1",
        roster_digest="cd" * 32,
        run_id="ef" * 16,
        chain="01" * 32,
        hospitals=("H1", "H2", "H3"),
        simulated=True,
        arms=Pair("Old", "New"),
    )


def _estimate(value: float) -> Estimate:
    return Estimate(value, 0.1, value - 0.2, value + 0.2, 0.04)


def _point(survival: float) -> LandmarkPoint:
    limits = (Limits("plain", 0.1, 0.9), Limits("log-log", 0.2, 0.8))
    return LandmarkPoint(365, 365.0, 6.0, survival, 0.1, limits)


def survival(population: str = "matched") -> SurvivalResult:
    ratio = HazardRatio("efron", -0.5, 0.25, 0.61, 0.37, 0.99, -2.0, 0.0464, 4.1, 4.2)
    test = LogRankTest("log-rank", Pair(3.0, 1.0), Pair(2.2, 1.8), 0.9, Test(4.0, 1, 0.0464))
    return SurvivalResult(
        endpoint="os",
        label="Overall survival",
        population=population,
        level="",
        patients=Pair(10, 8),
        events=Pair(3, 1),
        unassessed=Pair(0, 0),
        curves=Pair(COMPARATOR, TREATED),
        quantiles=Pair(
            (QuantilePoint(0.5, 487.0, 100.0, NAN),), (QuantilePoint(0.5, NAN, NAN, NAN),)
        ),
        follow_up=Pair(500.0, 600.0),
        landmarks=Pair((_point(0.8),), (_point(0.875),)),
        landmark_contrasts=(LandmarkContrast(365, _estimate(0.075), 0.61),),
        mean_time=MeanTime(365.0, Pair(_estimate(330.0), _estimate(350.0)), _estimate(20.0), False),
        log_rank=(test, replace(test, name="log-rank by hospital")),
        hazard_ratios=(ratio, replace(ratio, method="efron by hospital", hazard_ratio=0.66)),
        proportional_hazards=(ProportionalHazards("km", Test(0.1, 1, 0.75)),),
        e_value=Confounding(2.66, 1.11),
        not_estimable="",
    )


def binary() -> BinaryResult:
    return BinaryResult(
        endpoint="harm",
        label="Harm",
        population="matched",
        level="",
        patients=Pair(10, 8),
        events=Pair(2, 1),
        unassessed=Pair(0, 0),
        risk=Pair(0.2, 0.125),
        risk_difference=Estimate(-0.075, NAN, -0.4, 0.25, NAN),
        risk_ratio=Estimate(0.625, NAN, 0.07, 5.7, NAN),
        odds_ratio=Estimate(0.571, NAN, 0.0, math.inf, NAN),
        chi_square=Test(0.18, 1, 0.671),
        chi_square_yates=Test(0.0, 1, 1.0),
        fisher_p=1.0,
    )


def _row(variable: str, level: str = "") -> TableRow:
    number = not level
    mean, share = (60.5, NAN) if number else (NAN, 0.5)
    one = Summary(5, 1, mean, 9.0 if number else NAN, 55.0, 60.0, 66.0, share)
    unit = "year" if number else ""
    return TableRow(variable, variable.title(), level, unit, number, Pair(one, one), -0.2)


def _table_one(population: str) -> TableOne:
    rows = (_row("age"), _row("stage", "I"), _row("stage", "II"))
    if population != "complete":
        return TableOne(population, Pair(12, 8), rows)
    tests = (
        ArmTest("age", "Welch's t test", -1.5, 14.2, 0.16, True),
        ArmTest("age", "Mann-Whitney", 31.0, NAN, 0.19, False),
        ArmTest("stage", "Fisher's exact test", NAN, NAN, 0.04, True),
    )
    return TableOne(population, Pair(12, 8), rows, tests)


def _balance(population: str, smd: float) -> BalanceRow:
    label = "Age <years>"
    return BalanceRow(population, "age", label, Pair(60.0, 61.0), smd, smd, smd, 1.1)


def _propensity() -> Propensity:
    found = Coefficient("age", "Age", 0.02, 0.01, 0.0, 0.04, 2.0, 0.0464)
    return Propensity(
        stopped="",
        penalty="none",
        patients=20,
        treated=8,
        coefficients=(replace(found, term="(Intercept)", label="Intercept"), found),
        dropped=(),
        deviance=20.0,
        null_deviance=27.0,
        c_statistic=0.7,
        logit_mean=-0.4,
        logit_sd=0.9,
        trips=5,
        one_shot=(0.1, 0.2),
        local_fits=3,
        heterogeneity=Test(3.0, 4, 0.56),
        preference=Test(1.0, 2, 0.61),
    )


def _design() -> MatchedDesign:
    return MatchedDesign(
        name="matched",
        label="Matched",
        method="pooled-quota",
        ratio=1,
        caliper_sd=0.2,
        caliper=0.18,
        focal="New",
        matched=Pair(10, 8),
        left_out=Pair(2, 0),
        key_number=3,
        imbalance_by_key=(0.2, 0.15, 0.1),
        reason="",
    )


def results() -> Results:
    """Give the whole study."""
    return Results(
        schema=SCHEMA,
        study=study(),
        flow=Flow(
            rows=25,
            excluded=(Exclusion("Too young", 5),),
            patients=Pair(12, 8),
            complete=Pair(11, 8),
            missing=(Missing("age", "Age", Pair(1, 0)),),
        ),
        propensity=_propensity(),
        overlap=Histogram((-2.0, -1.0, 0.0, 1.0), Pair((5, 4, 2), (1, 3, 4))),
        designs=(_design(),),
        populations=(
            PopulationCard("all", "all patients", "unadjusted comparison", Pair(12, 8)),
            PopulationCard("matched", "Matched", "effect in the New arm", Pair(10, 8)),
        ),
        left_out=(),
        table_one=(_table_one("complete"), _table_one("matched")),
        balance=(_balance("complete", -0.3), _balance("matched", 0.05)),
        survival=(survival("all"), survival()),
        binary=(binary(),),
        leaving=(
            Leaving(1, "lock/1", "", "a public commitment, no data", 0, 16, False),
            Leaving(2, "flow/1", "", "rows of the extract; patients, by arm", 9, 88, False),
            Leaving(3, "flow/1", "", "patients, by arm", 2, 40, True),
        ),
    )


def nothing() -> Results:
    """Give a study that could look at nothing."""
    full = results()
    flow = Flow(0, (), Pair(0, 0), Pair(0, 0), ())
    return Results(SCHEMA, full.study, flow, None, None, (), (), (), (), (), (), (), ())


OVERLAP = PopulationCard(
    "overlap",
    "Weighted to the overlap",
    "effect in patients who could have had either arm (overlap weights)",
    Pair(10, 8),
    Pair(9.25, 6.04),
)


def weighted_survival() -> SurvivalResult:
    """Give the endpoint in weighted patients: a robust ratio, Xie and Liu's test, part weights."""
    ratio = replace(survival().hazard_ratios[0], method="efron robust", hazard_ratio=0.58)
    old = replace(
        COMPARATOR, at_risk=(5.5, 4.75, 4.25, 3.0, 2.5), events=(0.75, 0.5, 0.0, 0.5, 0.0)
    )
    return replace(
        survival("overlap"),
        curves=Pair(replace(old, censored=(0.0, 0.0, 1.25, 0.0, 2.5)), TREATED),
        log_rank=(replace(survival().log_rank[0], name="log-rank weighted"),),
        hazard_ratios=(ratio,),
        proportional_hazards=(),
    )


def weighted_binary() -> BinaryResult:
    """Give the outcome without a time in weighted patients: a Wald test and no other."""
    none = Test(NAN, 1, NAN)
    return replace(
        binary(),
        population="overlap",
        risk=Pair(0.234, 0.111),
        risk_difference=Estimate(-0.123, NAN, -0.4, 0.154, 0.384),
        chi_square=none,
        chi_square_yates=none,
        fisher_p=NAN,
    )


def both() -> Results:
    """Give a study that matches and weighs."""
    found = results()
    return replace(
        found,
        populations=(*found.populations, OVERLAP),
        table_one=(*found.table_one, _table_one("overlap")),
        balance=(*found.balance, _balance("overlap", 0.02)),
        survival=(*found.survival, weighted_survival()),
        binary=(*found.binary, weighted_binary()),
    )


def weighted() -> Results:
    """Give a study that weighs and does not match."""
    found = both()

    def kept(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row for row in rows if row.population != "matched")

    return replace(
        found,
        designs=(),
        populations=(found.populations[0], OVERLAP),
        table_one=kept(found.table_one),
        balance=kept(found.balance),
        survival=kept(found.survival),
        binary=kept(found.binary),
    )


def _incidence(shares: tuple[float, ...], at_risk: tuple[float, ...]) -> IncidenceCurvePoints:
    days = (100.0, 200.0, 400.0)
    low, high = tuple(s / 2 for s in shares), tuple(s * 1.5 for s in shares)
    return IncidenceCurvePoints(days, at_risk, (1.0, 0.0, 1.0), shares, (0.1,) * 3, low, high)


def _cause(cause: str, label: str) -> CauseResult:
    ratio = replace(survival().hazard_ratios[0], hazard_ratio=0.71)
    old, new = IncidencePoint(365, 365.0, 6.0, 0.2, 0.1, 0.05, 0.45), 0.125
    return CauseResult(
        cause=cause,
        label=label,
        events=Pair(2, 1),
        curves=Pair(
            _incidence((0.1, 0.1, 0.25), (10.0, 9.0, 6.0)),
            _incidence((0.0, 0.125, 0.125), (8.0, 8.0, 7.0)),
        ),
        landmarks=Pair((old,), (replace(old, incidence=new),)),
        gray=Test(0.7, 1, 0.403),
        cause_specific=ratio,
        subdistribution=replace(ratio, method="fine-gray", hazard_ratio=0.82),
    )


def causes(population: str = "matched") -> CompetingResult:
    """Give two causes; the second has no ratios."""
    death = replace(_cause("death", "death"), cause_specific=None, subdistribution=None)
    pair = (_cause("os", "Overall survival"), death)
    return CompetingResult("os", "Overall survival", population, pair)


def competing() -> Results:
    """Give a study that tells causes apart in all patients and the matched ones."""
    return replace(results(), competing=(causes("all"), causes()))


def imputed() -> Results:
    """Give the weighted example with one covariate imputed for everybody."""

    def estimate(endpoint: str, term: str, value: float, time: float = NAN) -> ImputedEstimate:
        low, high = value - 0.4, value + 0.4
        return ImputedEstimate(
            "overlap", endpoint, term, time, value, 0.2, low, high, 0.03, 17.5, 0.12
        )

    found = weighted()
    estimates = (
        estimate(found.survival[0].endpoint, "log hazard ratio", -0.5),
        estimate(found.survival[0].endpoint, "survival difference", 0.1, 365.0),
        estimate(found.survival[0].endpoint, "restricted mean time", 31.0, 730.0),
        estimate(found.binary[0].endpoint, "risk difference", 0.05),
        estimate(found.binary[0].endpoint, "log risk ratio", NAN),
    )
    balance = (ImputedBalance("overlap", "age", "Age <years>", 0.31, 0.0, 0.001),)
    drawn = Imputation(10, 5, ("Age", "Stage"), Pair(15, 10), Pair(3, 2), estimates, balance)
    return replace(found, imputation=drawn)
