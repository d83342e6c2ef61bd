"""The reference cohorts as pooled rows and tables, and the results that R finds on them."""

import csv
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.stats.table import Reals, RiskTable, tabulate

CASES = Path(__file__).parents[2] / "reference" / "cases"

ENDPOINTS = [("crlm", "dfs"), ("crlm", "os"), ("gbsg", "rfs"), ("veteran", "os")]


@dataclass(frozen=True, eq=False)
class Rows:
    """All patients of a case, hospitals in order of name, rows in file order."""

    dictionary: dict[str, Any]
    columns: dict[str, NDArray[np.str_]]

    def number(self, name: str) -> Reals:
        return self.columns[name].astype(np.float64)

    @property
    def arm(self) -> NDArray[np.intp]:
        column = self.columns[self.dictionary["treatment"]["column"]]
        treated: NDArray[np.bool_] = column == str(self.dictionary["treatment"]["treated"])
        return treated.astype(np.intp)

    @property
    def site(self) -> NDArray[np.str_]:
        return self.columns["site"]

    @property
    def sites(self) -> list[str]:
        return sorted(set(self.site.tolist()))

    @property
    def landmarks(self) -> Reals:
        return np.array(self.dictionary["landmarks_days"], dtype=np.float64)

    @property
    def tau(self) -> float:
        return float(self.dictionary["tau_days"])

    def table(
        self,
        endpoint: str,
        keep: NDArray[np.bool_] | None = None,
        weight: Reals | None = None,
    ) -> RiskTable:
        """Tabulate on a grid of days, most of whose cells are empty."""
        what = self.dictionary["endpoints"][endpoint]
        days = self.number(what["time"]).astype(np.intp)
        event = (self.columns[what["status"]] == str(what["event"])).astype(np.intp)
        grid = np.arange(days.max() + 1, dtype=np.float64)
        keep = np.ones(len(days), dtype=np.bool_) if keep is None else keep
        return tabulate(
            grid, days[keep], self.arm[keep], event[keep], None if weight is None else weight[keep]
        )

    def dummies(self) -> dict[str, Reals]:
        """Every covariate as numbers; of a factor, every level."""
        found: dict[str, Reals] = {}
        for covariate in self.dictionary["ps_covariates"]:
            name = covariate["name"]
            if covariate["type"] != "factor":
                found[name] = self.number(name)
                continue
            for level in covariate["levels"]:
                found[f"{name}={level}"] = (self.columns[name] == level).astype(np.float64)
        return found

    def design(self) -> NDArray[np.float64]:
        """Intercept and dummies without each factor's first level."""
        dropped = {
            f"{c['name']}={c['levels'][0]}"
            for c in self.dictionary["ps_covariates"]
            if c["type"] == "factor"
        }
        kept = [x for name, x in self.dummies().items() if name not in dropped]
        return np.column_stack([np.ones(len(self.arm)), *kept])

    def logit(self) -> Reals:
        """Fit the propensity model of all rows and return everybody's logit."""
        X, y = self.design(), self.arm
        X[:, 1:] = (X[:, 1:] - X[:, 1:].mean(axis=0)) / X[:, 1:].std(axis=0)
        b = np.zeros(X.shape[1])
        for _ in range(30):
            e = 1 / (1 + np.exp(-X @ b))
            b += np.linalg.solve(X.T @ (X * (e * (1 - e))[:, None]), X.T @ (y - e))
        logit: Reals = X @ b
        return logit

    def weights(self, kind: str) -> Reals:
        """Propensity weights as the reference defines them."""
        z, e = self.arm.astype(np.float64), 1 / (1 + np.exp(-self.logit()))
        p = z.mean()
        weight: Reals = {
            "ate": z / e + (1 - z) / (1 - e),
            "sate": p * z / e + (1 - p) * (1 - z) / (1 - e),
            "att": z + (1 - z) * e / (1 - e),
            "atc": z * (1 - e) / e + (1 - z),
            "overlap": z * (1 - e) + (1 - z) * e,
            "matching": np.minimum(e, 1 - e) * (z / e + (1 - z) / (1 - e)),
        }[kind]
        return weight


@cache
def rows(case: str) -> Rows:
    folder = CASES / case
    dictionary = json.loads((folder / "dictionary.json").read_text())
    records: list[dict[str, str]] = []
    for file in sorted((folder / "sites").iterdir()):
        with file.open(newline="") as lines:
            records += csv.DictReader(lines)
    names = records[0].keys()
    return Rows(dictionary, {n: np.array([record[n] for record in records]) for n in names})


@cache
def results(case: str, group: str) -> dict[str, dict[str, Any]]:
    document = json.loads((CASES / case / "expected" / f"{group}.json").read_text())
    return {result["id"]: result for result in document["results"]}


def matched(case: str, design: str) -> Reals:
    """Read the matching weights of all rows, 0 for those left out."""
    value = results(case, "match")[f"match.{design}.weights"]["value"]
    weight = dict(zip(value["id"], value["weight"], strict=True))
    return np.array([weight.get(int(i), 0.0) for i in rows(case).columns["id"]])


def assert_agrees(found: object, expected: object, tol: dict[str, float], where: str = "") -> None:
    """Compare as the reference asks: |found - expected| <= abs + rel |expected|.

    R's NA is null and has to be met by NaN; infinite is text.
    """
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert expected, f"{where}: nothing to compare"
        for key, value in expected.items():
            assert_agrees(found[key], value, tol, f"{where}.{key}")
    elif isinstance(expected, list):
        found = found.tolist() if isinstance(found, np.ndarray) else found
        assert isinstance(found, list | tuple), where
        assert len(found) == len(expected), where
        for k, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_agrees(one, other, tol, f"{where}[{k}]")
    elif expected is None:
        assert isinstance(found, float), where
        assert math.isnan(found), f"{where}: {found} instead of NA"
    else:
        assert isinstance(found, int | float), where
        wanted = float(str(expected))
        assert found == wanted or abs(found - wanted) <= tol["abs"] + tol["rel"] * abs(wanted), (
            f"{where}: {found} instead of {wanted}"
        )
