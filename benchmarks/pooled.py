"""The seed study on pooled rows, as a statistician would do it with lifelines and scikit-learn.

Nothing of `protocol` is used, so that this is another opinion, and what masked sums cost can be
told as a ratio.
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lifelines
import numpy as np
import pandas as pd
from lifelines.statistics import logrank_test, proportional_hazard_test
from lifelines.utils import restricted_mean_survival_time
from numpy.typing import NDArray
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression

ENDPOINTS = {"dfs": ("dfs_days", "dfs_event"), "os": ("os_days", "os_event")}
BINARY = ("complication", "drug_ae")
HORIZON_DAYS = 1825
CALIPER_SD = 0.2
TIGHT = {"precision": 1e-22, "r_precision": 0.0}
"""lifelines compares a squared Newton step with it, so that its default leaves seven digits."""

REFERENCE = {
    "sex": "female",
    "primary_site": "right colon",
    "t_stage": "T1-2",
    "n_stage": "N0",
    "ras": "wild-type",
}
"""The categories among the covariates, and the level that the others are compared with."""
NUMBERS = ("age", "lesions", "max_diameter_cm", "synchronous", "extrahepatic")
INTERCEPT = "(Intercept)"

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """One arm's Kaplan-Meier curve, at the times when something happens."""

    times: Reals
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    censored: NDArray[np.int64]
    survival: Reals
    conf_low: Reals
    conf_high: Reals


@dataclass(frozen=True)
class Compared:
    """One endpoint in one population; arm 0 is the comparator, 1 the treated."""

    arms: tuple[Arm, Arm]
    chi_square: float
    log_hr: float
    std_error: float


def read(extracts: Mapping[str, Path]) -> pd.DataFrame:
    """Put the rows of all hospitals into one table; `treated` is 1 for upfront ablation."""
    parts = [pd.read_csv(path).assign(hospital=name) for name, path in sorted(extracts.items())]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(treated=(rows["strategy"] == "upfront").astype(int))


def propensity(rows: pd.DataFrame) -> tuple[dict[str, float], Reals]:
    """Fit the propensity model without penalty; coefficients by term, and each patient's logit."""
    x = _covariates(rows)
    centre, scale = x.mean(), x.std()
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=100)
    with warnings.catch_warnings():
        # At so tight a tolerance the last step may find nothing left to improve.
        warnings.simplefilter("ignore")
        fit.fit(((x - centre) / scale).to_numpy(), rows["treated"])
    slopes = pd.Series(fit.coef_[0], index=x.columns) / scale
    intercept = float(fit.intercept_[0] - (slopes * centre).sum())
    logit: Reals = (intercept + x.to_numpy() @ slopes.to_numpy()).astype(np.float64)
    return {INTERCEPT: intercept, **{str(k): float(v) for k, v in slopes.items()}}, logit


def _covariates(rows: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, Any] = {name: rows[name].astype(float) for name in NUMBERS}
    columns["log(cea_ng_ml)"] = np.log(rows["cea_ng_ml"])
    for name, reference in REFERENCE.items():
        for level in sorted(set(rows[name]) - {reference}):
            columns[f"{name}={level}"] = (rows[name] == level).astype(float)
    return pd.DataFrame(columns)


def matched(rows: pd.DataFrame, logit: Reals, within: Iterable[Flags]) -> Flags:
    """Flag who is matched 1:1 to the nearest free control inside the caliper, group by group."""
    treated = rows["treated"].to_numpy() == 1
    caliper, taken = CALIPER_SD * logit.std(ddof=1), np.zeros(len(rows), dtype=np.bool_)
    for group in within:
        for patient in np.flatnonzero(group & treated):
            free = np.flatnonzero(group & ~treated & ~taken)
            apart = np.abs(logit[free] - logit[patient])
            if len(free) and apart.min() <= caliper:
                taken[[patient, free[apart.argmin()]]] = True
    return taken


def compare(rows: pd.DataFrame, time: str, event: str) -> Compared:
    """Compare the arms on one endpoint: Kaplan-Meier, log-rank test, Cox with Efron's ties."""
    comparator, treated = (rows[rows["treated"] == arm] for arm in (0, 1))
    test = logrank_test(comparator[time], treated[time], comparator[event], treated[event])
    cox = lifelines.CoxPHFitter().fit(
        rows[["treated", time, event]], time, event, fit_options=TIGHT
    )
    return Compared(
        arms=(_curve(comparator, time, event), _curve(treated, time, event)),
        chi_square=float(test.test_statistic),
        log_hr=float(cox.params_["treated"]),
        std_error=float(cox.standard_errors_["treated"]),
    )


def _curve(rows: pd.DataFrame, time: str, event: str) -> Arm:
    fit = lifelines.KaplanMeierFitter().fit(rows[time], rows[event])
    table = fit.event_table[fit.event_table["removed"] > 0]
    limits = fit.confidence_interval_.loc[table.index].to_numpy()
    return Arm(
        times=table.index.to_numpy(np.float64),
        at_risk=table["at_risk"].to_numpy(np.int64),
        events=table["observed"].to_numpy(np.int64),
        censored=table["censored"].to_numpy(np.int64),
        survival=fit.survival_function_.loc[table.index].to_numpy()[:, 0],
        conf_low=limits[:, 0],
        conf_high=limits[:, 1],
    )


def two_by_two(rows: pd.DataFrame, outcome: str) -> tuple[NDArray[np.int64], float]:
    """Count patients by arm and outcome, shape (2, 2), and test without continuity correction."""
    arm, found = rows["treated"].to_numpy(), rows[outcome].to_numpy()
    counts = np.array([[((arm == a) & (found == o)).sum() for o in (0, 1)] for a in (0, 1)])
    return counts, float(chi2_contingency(counts, correction=False).statistic)


def whole_study(extracts: Mapping[str, Path]) -> int:
    """Do the seed study on pooled rows from files to numbers; count the comparisons made.

    The three populations of the plan, with the estimates that its report shows.
    """
    rows = read(extracts)
    _, logit = propensity(rows)
    hospitals = [(rows["hospital"] == name).to_numpy() for name in sorted(extracts)]
    everybody = np.ones(len(rows), dtype=np.bool_)
    populations = (
        everybody,
        matched(rows, logit, [everybody]),
        matched(rows, logit, hospitals),
    )
    return sum(_report(rows[flags].reset_index(drop=True)) for flags in populations)


def _report(rows: pd.DataFrame) -> int:
    _covariates(rows).groupby(rows["treated"]).agg(["mean", "var"])
    for time, event in ENDPOINTS.values():
        compare(rows, time, event)
        _further_hazard_ratios(rows, time, event)
        for _, patients in rows.groupby("treated"):
            curve = lifelines.KaplanMeierFitter().fit(patients[time], patients[event])
            restricted_mean_survival_time(curve, t=HORIZON_DAYS)
    for outcome in BINARY:
        two_by_two(rows, outcome)
    return len(ENDPOINTS) + len(BINARY)


def _further_hazard_ratios(rows: pd.DataFrame, time: str, event: str) -> None:
    columns = rows[["treated", time, event, "hospital"]]
    plain = lifelines.CoxPHFitter().fit(columns.drop(columns="hospital"), time, event)
    proportional_hazard_test(plain, columns.drop(columns="hospital"), time_transform="rank")
    robust = lifelines.CoxPHFitter()
    robust.fit(columns.drop(columns="hospital"), time, event, robust=True)
    lifelines.CoxPHFitter().fit(columns, time, event, strata=["hospital"])
