"""Score: the propensity model's deviance, score and information at the current coefficients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count, real
from protocol.question import Key, Opened, Silent
from protocol.stats.logistic import LogisticSums, full_matrix
from protocol.steps.model import Model
from protocol.steps.plausible import require, require_information

REACH = 128.0
"""How many SDs from its mean a standardised value may lie, for the bounds of the sums."""
SCORE_REACH = 600.0
"""How far from 0 a logit may lie, for the bounds of the sums."""
EFFECTIVE_FLOOR, EFFECTIVE_SHARE = 5.0, 0.1
"""How many patients, and which share of them, a hospital's sums have to speak of (rule S4)."""


@dataclass(frozen=True)
class ScoreSums:
    """The pooled sums at one b. Pairs are (comparator, treated).

    `refused` counts hospitals that held their sums back; with one of them there is no fit.
    """

    sums: LogisticSums
    patients: tuple[int, int]
    logit: tuple[float, float]
    logit_squares: tuple[float, float]
    probability: tuple[float, float]
    probability_squares: tuple[float, float]
    preference: float
    hospitals: int
    weight: float
    weight_squares: float
    refused: int


@dataclass(frozen=True)
class Score(Silent):
    """Sums over complete cases at b; `firth` holds the inverse information of the trip before."""

    name: ClassVar[str] = "score/1"
    partners_only: ClassVar[bool] = False
    model: Model
    b: tuple[float, ...]
    fit: str
    trip: int
    firth: tuple[tuple[float, ...], ...] | None = None

    def key(self) -> Key:
        """Kind of fit and number of the trip; b follows from the totals before."""
        return self.fit + self.model.variant, self.trip

    def layout(self) -> Layout:
        """Send p scores, p(p+1)/2 entries of the information, and a dozen single sums."""
        most = self.model.plan.disclosure.max_patients_per_hospital
        p, square = self.model.size, REACH * REACH
        return Layout(
            (
                count("patients", (2,), "complete cases, by arm", most),
                count("hospital", (), "whether the hospital has complete cases", 1, "hospitals"),
                count("refused", (), "whether its sums are held back (rule S4)", 1, "hospitals"),
                real("deviance", (), "deviance of the model", most * 2 * SCORE_REACH),
                real("score", (p,), "score of each coefficient", most * REACH * 2),
                real(
                    "information", (p * (p + 1) // 2,), "information, upper triangle", most * square
                ),
                real(
                    "logit",
                    (2, 2),
                    "sums and squares of the logit score, by arm",
                    most * SCORE_REACH**2,
                ),
                real("probability", (2, 2), "sums and squares of the propensity, by arm", most),
                real("preference", (), "squared excess of treated over its variance", most * 1e6),
                real("weight", (2,), "sums of p(1 - p) and its square", most),
            ),
            about=True,
        )

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's complete cases, chunk by chunk. Run by a hospital.

        If b would make the sums speak of few of the patients only, because false sums steered it
        or because covariates nearly separate the arms, zeros are sent and said to be zeros: then
        everybody stops the fit (rule S4).
        """
        p = self.model.size
        total = {
            "deviance": np.zeros(()),
            "score": np.zeros(p),
            "information": np.zeros((p, p)),
            "logit": np.zeros((2, 2)),
            "probability": np.zeros((2, 2)),
            "weight": np.zeros(2),
        }
        patients, excess = np.zeros(2, dtype=np.int64), 0.0
        for x, y in self.model.chunks(cohort):
            scores = Model.predictor(x, self.b)
            probability = expit(scores)
            arm = y.astype(np.intp)
            patients += np.bincount(arm, minlength=2)
            excess += float((y - probability).sum())
            for name, value in self._sums(x, y, scores, probability).items():
                total[name] = total[name] + value
        held_back = self._speaks_of_few(total["weight"], int(patients.sum()))
        if held_back:
            total, excess = {name: np.zeros_like(value) for name, value in total.items()}, 0.0
        variance = float(total["weight"][0])
        return {
            **total,
            "information": total["information"][np.triu_indices(p)],
            "patients": patients,
            "hospital": np.array(int(patients.sum() > 0)),
            "refused": np.array(int(held_back)),
            "preference": np.array(excess * excess / variance if variance > 0 else 0.0),
        }

    def learn(self, opened: Opened) -> ScoreSums:
        """Unfold the sums. Run by everyone."""
        sums, p = opened.sums, self.model.size
        score = tuple(float(g) for g in sums["score"])
        information = full_matrix([float(v) for v in sums["information"]], p)
        require_information(self.name, information)
        require(self.name, float(sums["deviance"]) >= 0.0, "the deviance is negative")

        def pair(name: str, column: int) -> tuple[float, float]:
            return float(sums[name][0, column]), float(sums[name][1, column])

        return ScoreSums(
            sums=LogisticSums(float(sums["deviance"]), score, information),
            patients=(int(sums["patients"][0]), int(sums["patients"][1])),
            logit=pair("logit", 0),
            logit_squares=pair("logit", 1),
            probability=pair("probability", 0),
            probability_squares=pair("probability", 1),
            preference=float(sums["preference"]),
            hospitals=int(sums["hospital"]),
            weight=float(sums["weight"][0]),
            weight_squares=float(sums["weight"][1]),
            refused=int(sums["refused"]),
        )

    def _sums(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        scores: NDArray[np.float64],
        probability: NDArray[np.float64],
    ) -> dict[str, NDArray[np.float64]]:
        weight = probability * expit(-scores)
        residual = y - probability
        if self.firth is not None:
            # Firth (1993), Biometrika 80, 27-38: score of the likelihood times sqrt(det I).
            leverage = weight * np.einsum("ij,jk,ik->i", x, np.array(self.firth), x)
            residual = residual + leverage * (0.5 - probability)
        signed = np.where(y > 0, scores, -scores)
        arm = y.astype(np.intp)
        return {
            # -2 log p of what happened, by the branch of log(1 + e^z) that cannot overflow
            "deviance": 2 * np.logaddexp(0.0, -signed).sum(),
            "score": x.T @ residual,
            "information": (x * weight[:, None]).T @ x,
            "logit": _moments(arm, scores),
            "probability": _moments(arm, probability),
            "weight": np.array([weight.sum(), (weight * weight).sum()]),
        }

    def _speaks_of_few(self, weight: NDArray[np.float64], patients: int) -> bool:
        if self.model.plan.disclosure.profile == "open" or patients == 0:
            return False
        effective = float(weight[0] ** 2 / weight[1]) if weight[1] > 0 else 0.0
        # Ten patients can reach the floor of five; a few can reach only half their number.
        floor = min(EFFECTIVE_FLOOR, patients / 2)
        return effective < max(floor, EFFECTIVE_SHARE * patients)


def expit(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute 1 / (1 + exp(-z)) by the branch that cannot overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def _moments(arm: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    first = np.bincount(arm, weights=values, minlength=2)
    return np.stack([first, np.bincount(arm, weights=values * values, minlength=2)], axis=-1)
