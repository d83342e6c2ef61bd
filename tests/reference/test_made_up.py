"""The masked study on made-up cases, held against SciPy, lifelines and numpy on pooled rows."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from protocol.stats import tables
from protocol.stats.cox import NotEstimable
from tests.reference import made_up
from tests.reference.__main__ import main
from tests.reference.answers import answer
from tests.reference.made_up import (
    Records,
    Words,
    dictionary,
    endless,
    marked,
    months,
    nobody_dies_of_the_new,
    numbered,
    one_arm_in_the_west,
    records,
    with_holes,
    write,
)
from tests.reference.referee import Referee

Results = dict[str, Any]

IN_MONTHS = dictionary(time_unit="month", landmarks_days=[3, 9.5], tau_days=9.5)
TELLING = ["ps.main.coef", "surv.os.cox.efron", "surv.os.survdiff.rho0.strata_site"]
CASES: dict[str, tuple[Records, Words, list[str]]] = {
    "three groups, ids with gaps": (numbered(records()), dictionary(), TELLING),
    "months": (months(records()), IN_MONTHS, TELLING),
    "times without end": (endless(records()), IN_MONTHS, TELLING),
    "missing fields": (with_holes(records(sizes=(60, 50, 40))), dictionary(), TELLING),
    "one patient in the west": (records(sizes=(50, 40, 1)), dictionary(), TELLING),
    "one arm in the west": (one_arm_in_the_west(records()), dictionary(), TELLING),
    "one hospital": (records(sizes=(80, 0, 0)), dictionary(), TELLING),
    "no event in an arm": (
        nobody_dies_of_the_new(records()),
        dictionary(),
        [TELLING[0], TELLING[2]],
    ),
    "constant number": (marked(lambda _: 3.7), dictionary(), TELLING),
    "constant level": ([row | {"grade": 1} for row in records()], dictionary(), TELLING),
    "collinear": (marked(lambda row: 2 * row["age.years"]), dictionary(), TELLING),
    "separated": (
        marked(lambda row: row["marker"] + 100 * (row["group"] == "new")),
        dictionary(),
        TELLING[1:],
    ),
    "great numbers": (marked(lambda row: 1e9 * row["marker"]), dictionary(), TELLING),
    "small numbers": (marked(lambda row: 1e-9 * row["marker"]), dictionary(), TELLING),
}


@pytest.mark.parametrize("name", CASES)
def test_made_up_case(name: str, tmp_path: Path) -> None:
    """Main numbers agree with SciPy, lifelines and numpy on pooled rows."""
    rows, words, telling = CASES[name]
    found, referee = answer(write(tmp_path / "case", rows, words)), Referee(rows, words)
    assert found.keys() & set(TELLING) == set(telling)
    check_patients(found, referee)
    check_tests(found, referee)
    if "ps.main.coef" in found:
        check_propensity(found, referee)
    else:
        coefficients = list(found["ps.main.firth"]["coef"].values())
        assert referee.firth_score(coefficients) == pytest.approx([0.0] * 6, abs=1e-7)
    check_survival(found, referee)
    assert ("balance.ate" in found) == (name not in ("collinear", "separated"))
    if "balance.ate" in found:
        check_weighted(found, referee)


def check_patients(found: Results, referee: Referee) -> None:
    n, treated = found["ps.n_complete"], referee.treated & referee.complete
    assert n["n"] == len(referee.patients)
    assert n["n_complete"] == referee.complete.sum()
    assert n["treated"] == treated.sum()
    for name, missing in found["ps.missing_by_column"].items():
        assert missing == np.isnan(referee.number(name)).sum()
    for key, column in referee.balance().items():
        got = {name: as_float(v) for name, v in found["balance.unweighted"][key].items()}
        assert got == pytest.approx(column, rel=1e-9, abs=1e-12, nan_ok=True), key


def check_tests(found: Results, referee: Referee) -> None:
    z = referee.treated
    for name in ("age.years", "marker"):
        x = referee.number(name)
        x1, x0 = x[z & ~np.isnan(x)], x[~z & ~np.isnan(x)]
        if np.ptp(x1) == 0:
            assert f"tests.{name}.t_test" not in found
            continue
        t = stats.ttest_ind(x1, x0, equal_var=False)
        welch = found[f"tests.{name}.t_test"]["welch"]
        assert (welch["t"], welch["p"]) == pytest.approx((t.statistic, t.pvalue), rel=1e-8)
        u = stats.mannwhitneyu(x1, x0, method="asymptotic")
        ranks = found[f"tests.{name}.mann_whitney"]
        assert (ranks["W"], ranks["p_correct"]) == pytest.approx((u.statistic, u.pvalue))
        assert found[f"tests.{name}.summary"]["max"]["arm1"] == x1.max()
        quartiles = found[f"tests.{name}.quantiles_type7"]["arm0"]
        assert quartiles == pytest.approx(np.quantile(x0, [0.25, 0.5, 0.75]).tolist())
    for name in ("female", "bleeding"):
        x = referee.number(name)
        cells = [[int(((x == level) & arm).sum()) for arm in (~z, z)] for level in (0, 1)]
        table, test = found[f"tests.{name}.table"], found[f"tests.{name}.categorical"]
        assert [table["arm0"], table["arm1"]] == np.array(cells).T.tolist()
        chi = stats.chi2_contingency(cells, correction=False)
        assert test["chisq_nocorrect"] == pytest.approx(chi.statistic)
        assert test["fisher_p"] == pytest.approx(stats.fisher_exact(np.array(cells)).pvalue)
        odds = stats.contingency.odds_ratio(cells).statistic
        assert test["fisher_or"] == pytest.approx(odds, rel=1e-3)  # R's search stops early


def check_propensity(found: Results, referee: Referee) -> None:
    wanted = referee.propensity()
    got = {name: b for name, b in found["ps.main.coef"].items() if b is not None}
    assert got == pytest.approx({name: b for name, (b, _) in wanted.items()}, rel=1e-7)
    errors = {name: found["ps.main.se"][name] for name in got}
    assert errors == pytest.approx({name: se for name, (_, se) in wanted.items()}, rel=1e-7)


def check_survival(found: Results, referee: Referee) -> None:
    tau = referee.words["tau_days"]
    for arm in (0, 1):
        times, survival = referee.curve(arm)
        curve = found[f"surv.os.km.arm{arm}"]
        assert curve["time"] == pytest.approx(times)
        assert curve["surv"] == pytest.approx(survival)
        mean = found[f"surv.os.rmst.arm{arm}"]["rmst"]
        assert mean == pytest.approx(referee.restricted_mean(arm, tau))
    assert found["surv.os.survdiff.rho0"]["chisq"] == pytest.approx(referee.log_rank())
    stratified = found["surv.os.survdiff.rho0.strata_site"]["chisq"]
    assert stratified == pytest.approx(referee.stratified_log_rank())
    time, event, _, _ = referee.followed()
    if "surv.os.cox.efron" in found:
        cox = found["surv.os.cox.efron"]
        assert (cox["n"], cox["nevent"]) == (len(time), event.sum())
        assert (cox["coef"], cox["se"]) == pytest.approx(referee.hazard_ratio(), rel=1e-6)


def check_weighted(found: Results, referee: Referee) -> None:
    for kind in ("ate", "sate", "att", "atc", "overlap", "matching"):
        balance = found[f"balance.{kind}"]
        for arm, key in ((1, "mean_t"), (0, "mean_c")):
            wanted = referee.weighted_means(kind, arm)
            assert balance[key] == pytest.approx(wanted, rel=1e-7, abs=1e-12)
    overlap = found["balance.overlap"]  # balances exactly what is in the model
    assert overlap["mean_t"] == pytest.approx(overlap["mean_c"], rel=1e-7, abs=1e-12)
    for kind in ("ate", "sate", "att", "overlap", "matching"):
        for arm in (0, 1):
            points = found[f"weighted.os.{kind}.landmark.arm{arm}"]
            survival = [referee.weighted_survival(kind, arm, t) for t in points["time"]]
            assert points["surv"] == pytest.approx(survival, rel=1e-7)


def as_float(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)


def test_columns_that_the_model_cannot_hold_are_null(tmp_path: Path) -> None:
    """As R's NA: the coefficient is named, and has no value."""
    rows = [row | {"grade": 1 if row["grade"] == 2 else row["grade"]} for row in records()]
    found = answer(write(tmp_path / "case", rows))
    assert found["ps.main.coef"]["grade=2"] is None
    assert found["ps.main.se"]["grade=3"] > 0
    names, matrix = (found["ps.main.vcov"][key] for key in ("names", "matrix"))
    assert matrix[names.index("grade=2")] == [None] * len(names)


def test_what_is_not_in_the_dictionary_is_not_answered(tmp_path: Path) -> None:
    words = dictionary(endpoints=None, binary_outcomes=None, tau_days=None)
    groups = {name.split(".")[0] for name in answer(write(tmp_path / "case", records(), words))}
    assert groups == {"ps", "ps_strata", "balance", "weights", "tests", "match"}
    words = dictionary(ps_covariates=None, landmarks_days=None, tau_days=None)
    found = answer(write(tmp_path / "other", records(), words))
    assert {name.split(".")[0] for name in found} == {"tests", "surv"}
    assert not any("landmark" in name or "rmst" in name for name in found)


def test_nobody_has_the_event(tmp_path: Path) -> None:
    rows = [row | {"ended": "alive", "how": 0} for row in records()]
    found = answer(write(tmp_path / "case", rows))
    assert set(found["surv.os.km.arm1"]["surv"]) == {1.0}
    assert found["surv.os.rmst.arm0"]["rmst"] == 300
    assert not any("cox" in name or "survdiff" in name for name in found)


def test_nobody_has_a_time(tmp_path: Path) -> None:
    rows = [row | {"days": None} for row in records()]
    found = answer(write(tmp_path / "case", rows, dictionary(competing=made_up.CAUSES)))
    assert "ps.main.coef" in found
    assert not any(name.startswith(("surv", "cr")) for name in found)


def test_effects_of_hospitals(tmp_path: Path) -> None:
    """They are columns like any other; a hospital of one arm has none, so there is no such fit."""
    rows = records()
    found = answer(write(tmp_path / "case", rows))
    sites = {"name": "site", "type": "factor", "levels": ["South 2", "north", "west"]}
    referee = Referee(rows, dictionary(ps_covariates=[*made_up.COVARIATES, sites]))
    wanted = {name: b for name, (b, _) in referee.propensity().items()}
    assert found["ps.site_fe.coef"] == pytest.approx(wanted, rel=1e-7)
    found = answer(write(tmp_path / "other", one_arm_in_the_west(rows)))
    assert "ps.site_fe.coef" not in found


def test_nobody_of_a_hospital_is_in_an_arm(tmp_path: Path) -> None:
    rows = records()
    empty = [row | ({"group": None} if row["site"] == "west" else {}) for row in rows]
    found = answer(write(tmp_path / "case", empty))
    apart = [row for row in rows if row["site"] != "west"]
    without = answer(write(tmp_path / "other", apart))
    assert found["ps.main.coef"] == pytest.approx(without["ps.main.coef"])
    assert found["surv.os.cox.efron"] == pytest.approx(without["surv.os.cox.efron"])


def test_nobody_is_a_comparator(tmp_path: Path) -> None:
    found = answer(write(tmp_path / "case", [row | {"group": "new"} for row in records()]))
    assert found["ps.n_complete"]["control"] == 0
    assert not any(name.startswith(("surv", "balance", "tests")) for name in found)


def test_causes_are_known_by_value_not_by_name(tmp_path: Path) -> None:
    """An unlisted cause is a censoring to each of the listed ones."""
    rows = records()
    rows[0]["how"] = 9
    found = answer(write(tmp_path / "case", rows, dictionary(competing=made_up.CAUSES)))
    for cause, value in (("tumour grew", 1), ("heart", 2)):
        words = dictionary(endpoints={"os": {"time": "days", "status": "how", "event": value}})
        cox = found[f"cr.{cause}.causespecific_cox"]
        referee = Referee(rows, words)
        assert cox["nevent"] == sum(row["how"] == value for row in rows)
        assert (cox["coef"], cox["se"]) == pytest.approx(referee.hazard_ratio(), rel=1e-6)


def test_incidence_of_causes(tmp_path: Path) -> None:
    """Any cause ends the time at risk, but an unlisted one takes its patients out of `survfit`."""
    rows = [row | ({"how": 9} if k % 9 == 0 else {}) for k, row in enumerate(months(records()))]
    words = IN_MONTHS | {"competing": made_up.CAUSES}
    found = answer(write(tmp_path / "case", rows, words))
    without = Referee([row for row in rows if row["how"] != 9], words)
    for cause, value in (("tumour grew", 1), ("heart", 2)):
        for arm in (0, 1):
            cif = found[f"cr.{cause}.cif.arm{arm}"]
            assert cif["time"] == [3, 9.5]
            for referee, got in (
                (Referee(rows, words), cif),
                (without, found[f"cr.{cause}.aalen_johansen.arm{arm}"]),
            ):
                wanted = [referee.incidence(arm, t, competing="how", cause=value) for t in (3, 9.5)]
                assert got["est"] == pytest.approx(wanted)
            curve = found[f"cr.{cause}.curve.arm{arm}"]
            assert (curve["time"][0], curve["est"][0]) == (0, 0)
            assert set(curve["time"]) - {0} <= {row["days"] for row in rows}


def test_causes_that_an_arm_does_not_have(tmp_path: Path) -> None:
    """There is an incidence, of zero, but no ratio of hazards."""
    rows = [row | ({"how": 1} if row["how"] == 2 and row["group"] == "new" else {})
            for row in records()]  # fmt: skip
    found = answer(write(tmp_path / "case", rows, dictionary(competing=made_up.CAUSES)))
    assert set(found["cr.heart.curve.arm1"]["est"]) == {0.0}
    assert found["cr.heart.gray"]["stat"] > 0
    assert not {"cr.heart.finegray", "cr.heart.causespecific_cox"} & found.keys()
    assert "cr.tumour grew.finegray" in found


def test_weights_beyond_what_a_plan_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stop their own study, and nothing else."""
    folder = write(tmp_path / "case", records())
    everything = answer(folder)
    monkeypatch.setattr("protocol.steps.describe.MAX_WEIGHT", 0.7)
    found = answer(folder)
    gone = everything.keys() - found.keys()
    assert found.keys() < everything.keys()
    weighted = ("weighted.", "weights.", "balance.", "ps_strata.mmws")
    assert all(name.startswith(weighted) for name in gone)
    left = {name.split(".")[2] for name in found if name.startswith("weighted.")}
    assert left == {"ps_strata"}


def test_selections(tmp_path: Path) -> None:
    """Selected patients are compared as if they were a case of their own."""
    rows = records()
    chosen, weights = rows[10:70], {row["id"]: 1 + k % 3 for k, row in enumerate(rows[:50])}
    folder = write(tmp_path / "case", rows)
    found = answer(made_up.select(folder, {
        "some": {row["id"]: 1 for row in chosen}, "weighted": weights, "nobody": {},
        **{f"more{k}": {row["id"]: 1 for row in rows[k:]} for k in range(4)},
    }))  # fmt: skip
    referee = Referee(chosen, dictionary())
    assert found["match.some.os.logrank"]["chisq"] == pytest.approx(referee.log_rank())
    cox = found["match.some.os.cox.robust_id"]
    assert (cox["coef"], cox["se"]) == pytest.approx(referee.hazard_ratio(), rel=1e-6)
    assert found["match.more3.os.cox.robust_id"]["n"] == len(rows) - 3
    at_start = found["match.weighted.os.landmark.arm0"]["n_risk"][0]
    heavy = [row for row in rows[:50] if row["group"] != "new" and row["days"] >= 100]
    assert at_start == pytest.approx(sum(weights[row["id"]] for row in heavy))
    assert "match.weighted.os.cox.robust_id" not in found
    assert not any(name.startswith("match.nobody") for name in found)


def test_outcomes_in_words(tmp_path: Path) -> None:
    """The later of two levels is the event, as R orders them; three levels are compared."""
    rows = [
        row | {"bleeding": "yes" if row["bleeding"] else "no", "marker": row["grade"] * 10}
        for row in records()
    ]
    words = dictionary(binary_outcomes=["bleeding", "marker"], ps_covariates=made_up.COVARIATES[:1])
    found = answer(write(tmp_path / "case", rows, words))
    assert found["tests.bleeding.table"]["levels"] == ["no", "yes"]
    treated = [row["bleeding"] for row in rows if row["group"] == "new"]
    assert found["tests.bleeding.risk"]["p1"] == pytest.approx(treated.count("yes") / len(treated))
    assert found["tests.marker.table"]["levels"] == ["10", "20", "30"]
    counted, test = found["tests.marker.table"], found["tests.marker.categorical"]
    cells = np.array([counted["arm0"], counted["arm1"]]).T
    chi = stats.chi2_contingency(cells, correction=False)
    assert (test["chisq_nocorrect"], test["df"]) == (pytest.approx(chi.statistic), 2)
    assert test["min_expected"] == pytest.approx(chi.expected_freq.min())
    tables = stats.multivariate_hypergeom(cells.sum(axis=1), cells[:, 1].sum())
    every = np.asarray(tables.pmf(list(product(*(range(n + 1) for n in cells.sum(axis=1))))))
    rarer = every[every <= tables.pmf(cells[:, 1]) * (1 + 1e-7)]
    assert test["fisher_p"] == pytest.approx(rarer.sum())


def test_more_values_than_a_histogram_has_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take several; beyond a limit means are compared, and ranks are not."""
    rows = [row | {"marker": k % 441 / 7} for k, row in enumerate(records(sizes=(200, 150, 100)))]
    words = dictionary(endpoints=None, binary_outcomes=None, ps_covariates=made_up.COVARIATES[:2])
    found, referee = answer(write(tmp_path / "case", rows, words)), Referee(rows, words)
    x, z = referee.number("marker"), referee.treated
    u = stats.mannwhitneyu(x[z], x[~z], method="asymptotic")
    assert found["tests.marker.mann_whitney"]["p_correct"] == pytest.approx(u.pvalue)
    monkeypatch.setattr("tests.reference.terms.MAX_VALUES", 440)
    found = answer(write(tmp_path / "other", rows, words))
    assert {name for name in found if name.startswith("tests.marker")} == {"tests.marker.t_test"}
    assert "tests.age.years.mann_whitney" in found


def test_numbers_in_words_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row | {"marker": "much"} for row in records(sizes=(5, 5, 5))]
    folder = write(tmp_path / "case", rows)
    assert main([str(folder), "--out", str(tmp_path / "actual.json")]) == 1
    assert "the column 'marker' holds text" in capsys.readouterr().err


def test_what_one_part_cannot_answer_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "case", records())
    whole = answer(folder)

    def refuse(*_: object) -> None:
        raise NotEstimable("made up")

    monkeypatch.setattr("tests.reference.by_hospital.residual_pair", refuse)
    found = answer(folder)
    assert "not answered: not estimable: made up" in capsys.readouterr().err
    gone = whole.keys() - found.keys()
    assert gone
    assert all(name.startswith("surv.os.") for name in gone)


def test_an_outcome_that_tells_the_arms_apart(tmp_path: Path) -> None:
    """Exact limits of a table of two empty cells, and R's common odds ratio, have one end."""
    rows = [row | {"bleeding": int(row["group"] == "new")} for row in records()]
    found = answer(write(tmp_path / "case", rows))
    # As fisher.test(matrix(c(46, 0, 0, 44), 2)): Inf, from 262.56 to Inf.
    exact = found["tests.bleeding.categorical"]
    assert (exact["fisher_or"], exact["fisher_upper"]) == ("Inf", "Inf")
    n0, n1 = (sum(found["tests.bleeding.table"][arm]) for arm in ("arm0", "arm1"))
    wanted = tables.conditional_odds_ratio((0, n1), (n0, n1)).lower
    assert exact["fisher_lower"] == pytest.approx(wanted, rel=0.1)  # R's search is that coarse
    by_hospital = found["tests.bleeding.mantel_haenszel_site"]
    assert (by_hospital["common_or"], by_hospital["lower"]) == ("Inf", None)


def test_landmarks_before_anything_happens(tmp_path: Path) -> None:
    """`summary.survfit` prints limits of 1 there, and none at S = 1 once a curve has begun."""
    rows = [row | {"days": 50 + row["days"], "ended": "alive"} for row in records()]
    for row in rows[:40]:
        row["ended"], row["days"] = "dead", row["days"] + 100
    found = answer(write(tmp_path / "case", rows, dictionary(landmarks_days=[10, 145])))
    points = found["surv.os.landmark.arm1"]
    assert points["surv"] == [1.0, 1.0]
    assert points["lo_loglog"] == [1.0, None]
