"""The main numbers of a made-up case worked out on pooled rows by SciPy, lifelines and numpy.

Nothing here knows of tables, sums or masks.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from numpy.typing import NDArray
from scipy import stats

from tests.reference.made_up import Record, Records, Words

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Referee:
    """Pooled rows of a case; empty fields are NaN in numbers and "" in texts."""

    rows: Records
    words: Words

    @property
    def patients(self) -> Records:
        """Everybody of whom the group is known."""
        return [row for row in self.rows if row["group"] is not None]

    @property
    def treated(self) -> Flags:
        """Who is in arm 1: the value equals the dictionary's, everybody else is a comparator."""
        return np.array([row["group"] == self.words["treatment"]["treated"]
                         for row in self.patients])  # fmt: skip

    def number(self, name: str) -> Reals:
        """Read a column as numbers."""
        return np.array([_number(row, name) for row in self.patients])

    def columns(self) -> dict[str, Reals]:
        """Lay out the covariates, a column for every level."""
        found: dict[str, Reals] = {}
        for what in self.words["ps_covariates"]:
            if what["type"] != "factor":
                found[what["name"]] = self.number(what["name"])
                continue
            for level in what["levels"]:
                at = np.array([str(row[what["name"]]) == level for row in self.patients])
                missing = np.array([row[what["name"]] is None for row in self.patients])
                found[f"{what['name']}={level}"] = np.where(missing, np.nan, at)
        return found

    @property
    def complete(self) -> Flags:
        """Who misses no covariate."""
        flags: Flags = ~np.isnan(np.array(list(self.columns().values()))).any(axis=0)
        return flags

    def balance(self) -> dict[str, dict[str, float]]:
        """Find means by arm and differences in standard deviations, complete cases."""
        found: dict[str, dict[str, float]] = {"mean_t": {}, "mean_c": {}, "smd_pooled_sd_n1": {}}
        for name, x in self.columns().items():
            x1, x0 = x[self.treated & self.complete], x[~self.treated & self.complete]
            found["mean_t"][name], found["mean_c"][name] = float(x1.mean()), float(x0.mean())
            sd = math.sqrt((x1.var(ddof=1) + x0.var(ddof=1)) / 2)
            smd = float((x1.mean() - x0.mean()) / sd) if np.ptp([*x1, *x0]) > 0 else math.nan
            found["smd_pooled_sd_n1"][name] = smd
        return found

    def design(self) -> dict[str, Reals]:
        """Lay out the model's columns, complete cases; what adds nothing is left out."""
        kept = {"(Intercept)": np.ones(int(self.complete.sum()))}
        firsts = {f"{c['name']}={c['levels'][0]}" for c in self.words["ps_covariates"]
                  if c["type"] == "factor"}  # fmt: skip
        for name, x in self.columns().items():
            own = x[self.complete]
            if name in firsts or np.ptp(own) == 0:
                continue
            X = np.column_stack([*kept.values(), (own - own.mean()) / own.std()])
            if np.linalg.matrix_rank(X) == X.shape[1]:
                kept[name] = own
        return kept

    def propensity(self) -> dict[str, tuple[float, float]]:
        """Fit by Newton's method: coefficient and standard error by name."""
        fitted, errors = self._fitted()
        return dict(zip(self.design(), zip(fitted, errors, strict=True), strict=True))

    def weights(self, kind: str) -> Reals:
        """Weigh the complete cases by their propensity score."""
        design, (b, _) = self.design(), self._fitted()
        e = 1 / (1 + np.exp(-np.column_stack(list(design.values())) @ b))
        z = self.treated[self.complete]
        own, share = np.where(z, e, 1 - e), np.where(z, z.mean(), 1 - z.mean())
        found: dict[str, Reals] = {
            "ate": 1 / own, "sate": share / own, "att": e / own, "atc": (1 - e) / own,
            "overlap": 1 - own, "matching": np.minimum(e, 1 - e) / own,
        }  # fmt: skip
        return found[kind]

    def weighted_means(self, kind: str, arm: int) -> dict[str, float]:
        """Find the weighted mean of every column in one arm."""
        own = self.treated[self.complete] == bool(arm)
        w = self.weights(kind)[own]
        return {n: float(np.average(x[self.complete][own], weights=w))
                for n, x in self.columns().items()}  # fmt: skip

    def weighted_survival(self, kind: str, arm: int, day: float) -> float:
        """Multiply up 1 - d/n over one arm's times to a day, d and n sums of weights."""
        w = np.full(len(self.patients), np.nan)
        w[self.complete] = self.weights(kind)
        time, event, own = self._ended()
        own = own & (self.treated == bool(arm)) & self.complete
        survival = 1.0
        for t in np.unique(time[own & event & (time <= day)]):
            at_risk, died = own & (time >= t), own & event & (time == t)
            survival *= 1 - float(w[died].sum() / w[at_risk].sum())
        return survival

    def incidence(self, arm: int, day: float, *, competing: str, cause: int) -> float:
        """Add up survival free of any cause times the cause's hazard, patient by patient."""
        time = self.number(self.words["endpoints"]["os"]["time"])
        how, own = self.number(competing), self.treated == bool(arm)
        survival, share = 1.0, 0.0
        for t in np.unique(time[own & (how > 0) & (time <= day)]):
            at_risk, ended = float((own & (time >= t)).sum()), how[own & (time == t)]
            share += survival * float((ended == cause).sum()) / at_risk
            survival *= 1 - float((ended > 0).sum()) / at_risk
        return share

    def _fitted(self) -> tuple[Reals, Reals]:
        """Find coefficients and standard errors in the order of the design."""
        design = self.design()
        X, back = _standardised(design)
        y, b = self.treated[self.complete], np.zeros(X.shape[1])
        for _ in range(50):
            e = 1 / (1 + np.exp(-X @ b))
            information = (X * (e * (1 - e))[:, None]).T @ X
            b = b + np.linalg.solve(information, X.T @ (y - e))
        errors = np.sqrt(np.diag(back @ np.linalg.inv(information) @ back.T))
        return back @ b, errors

    def firth_score(self, coefficients: list[float]) -> Reals:
        """Evaluate Firth's score X'(y - e + h (1/2 - e)), h leverages; zero at his estimate."""
        X, back = _standardised(self.design())
        e = 1 / (1 + np.exp(-X @ np.linalg.solve(back, np.array(coefficients))))
        weight = e * (1 - e)
        inverse = np.linalg.inv((X * weight[:, None]).T @ X)
        leverage = weight * ((X @ inverse) * X).sum(axis=1)
        score: Reals = X.T @ (self.treated[self.complete] - e + leverage * (0.5 - e))
        return score

    def followed(self) -> tuple[Reals, Flags, Flags, NDArray[np.str_]]:
        """Read times, who had the event, who is treated, and hospitals, where all is known."""
        time, event, known = self._ended()
        site = np.array([row["site"] for row in self.patients])
        return time[known], event[known], self.treated[known], site[known]

    def _ended(self) -> tuple[Reals, Flags, Flags]:
        """Read times, who had the event, and of whom both are known."""
        what = self.words["endpoints"]["os"]
        time = self.number(what["time"])
        known = ~np.isnan(time) & np.array([r[what["status"]] is not None for r in self.patients])
        event = np.array([row[what["status"]] == what["event"] for row in self.patients])
        return time, event, known

    def curve(self, arm: int) -> tuple[Reals, Reals]:
        """Find the times of one arm and survival there (SciPy)."""
        time, event, treated, _ = self.followed()
        own = treated == bool(arm)
        found = stats.ecdf(stats.CensoredData.right_censored(time[own], ~event[own])).sf
        return found.quantiles, found.probabilities

    def log_rank(self) -> float:
        """Compare the arms by SciPy's log-rank test: chi-square."""
        time, event, treated, _ = self.followed()
        one, other = (
            stats.CensoredData.right_censored(time[arm], ~event[arm]) for arm in (treated, ~treated)
        )
        return float(stats.logrank(one, other).statistic ** 2)

    def stratified_log_rank(self) -> float:
        """Add O - E and V over hospitals, patient by patient: chi-square."""
        time, event, treated, site = self.followed()
        terms = [
            term
            for name in np.unique(site)
            for term in _log_rank_terms(*(x[site == name] for x in (time, event, treated)))
        ]
        difference, variance = np.array(terms).sum(axis=0)
        return float(difference**2 / variance)

    def hazard_ratio(self) -> tuple[float, float]:
        """Fit Cox's model with Efron's ties (lifelines): log hazard ratio, standard error."""
        time, event, treated, _ = self.followed()
        frame = pd.DataFrame({"time": time, "event": event, "arm": treated.astype(float)})
        fit = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12})
        return float(fit.params_["arm"]), float(fit.standard_errors_["arm"])

    def restricted_mean(self, arm: int, tau: float) -> float:
        """Add up the area under SciPy's curve, step by step."""
        times, survival = self.curve(arm)
        within = times < tau
        edges = np.concatenate([[0.0], times[within], [tau]])
        return float((np.diff(edges) * np.concatenate([[1.0], survival[within]])).sum())


def _standardised(design: dict[str, Reals]) -> tuple[Reals, Reals]:
    """Centre and scale all columns but the intercept; the matrix leads coefficients back."""
    own = list(design.values())[1:]
    centre = np.array([0.0, *(x.mean() for x in own)])
    scale = np.array([1.0, *(x.std() for x in own)])
    back = np.diag(1 / scale)
    back[0, 1:] = -centre[1:] / scale[1:]
    return (np.column_stack(list(design.values())) - centre) / scale, back


def _number(row: Record, name: str) -> float:
    value: Any = row[name]
    return math.nan if value is None else float(value)


def _log_rank_terms(time: Reals, event: Flags, treated: Flags) -> Iterator[tuple[float, float]]:
    for t in np.unique(time[event]):
        at_risk, died = time >= t, (time == t) & event
        n, n1, d = int(at_risk.sum()), int((at_risk & treated).sum()), int(died.sum())
        variance = d * n1 * (n - n1) * (n - d) / (n * n * (n - 1)) if n > 1 else 0.0
        yield float((died & treated).sum() - d * n1 / n), variance
