"""Local fit: every hospital fits the propensity model to its own patients, and none is shown."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count, real
from protocol.question import Key, Opened, Silent
from protocol.stats.heterogeneity import OneShot, one_shot
from protocol.stats.linear import NotPositive
from protocol.stats.logistic import full_matrix
from protocol.steps.model import Model
from protocol.steps.plausible import require_information
from protocol.steps.score import REACH, expit

PRIOR_SD = 2.5
"""Prior SD of a standardised coefficient: small or separated hospitals have a fit too."""


@dataclass(frozen=True)
class LocalFits:
    """The hospitals' own fits, summed: the estimate of one shot and Cochran's Q.

    `combined` is None where no hospital has both arms, or where the sums determine no estimate.
    """

    hospitals: int
    combined: OneShot | None


@dataclass(frozen=True)
class LocalFit(Silent):
    """Send I_s, I_s b_s and b_s' I_s b_s of the hospital's own ridge fit.

    Their sums give the inverse-variance mean of all hospitals' coefficients, a start for the
    pooled fit, and a test of whether hospitals choose patients alike. Never a mean by patients:
    separated fits would dominate it.
    """

    name: ClassVar[str] = "local-fit/1"
    partners_only: ClassVar[bool] = False
    model: Model

    def key(self) -> Key:
        """One local fit a study."""
        return ()

    def layout(self) -> Layout:
        """Send p(p+1)/2 + p + 1 reals, and whether there was a fit."""
        most = self.model.plan.disclosure.max_patients_per_hospital
        p, square = self.model.size, REACH * REACH
        return Layout(
            (
                count("hospital", (), "whether the hospital has both arms", 1, "hospitals"),
                real(
                    "information", (p * (p + 1) // 2,), "information, upper triangle", most * square
                ),
                real("weighted", (p,), "information times coefficients", most * square * p),
                real("quadratic", (), "coefficients' information, one number", most * square * p),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Fit by scikit-learn and release the fit's information. Run by a hospital."""
        p = self.model.size
        b = ridge_fit(self.model, cohort)
        if b is None:
            zeros = np.zeros(p * (p + 1) // 2)
            none = np.array(0, dtype=np.int64)
            return {
                "hospital": none,
                "information": zeros,
                "weighted": zeros[:p],
                "quadratic": np.zeros(()),
            }
        information = np.zeros((p, p))
        for x, _ in self.model.chunks(cohort):
            probability = expit(x @ b)
            information += (x * (probability * (1 - probability))[:, None]).T @ x
        return {
            "hospital": np.array(1, dtype=np.int64),
            "information": information[np.triu_indices(p)],
            "weighted": information @ b,
            "quadratic": np.array(b @ information @ b),
        }

    def learn(self, opened: Opened) -> LocalFits:
        """Combine the fits. Run by everyone."""
        hospitals = int(opened.sums["hospital"])
        if hospitals == 0:
            return LocalFits(0, None)
        information = full_matrix([float(v) for v in opened.sums["information"]], self.model.size)
        require_information(self.name, information)
        weighted = [float(v) for v in opened.sums["weighted"]]
        quadratic = float(opened.sums["quadratic"])
        try:
            combined = one_shot(information, weighted, quadratic, hospitals)
        except NotPositive:  # the pooled fit will name the column, and do as the plan says
            combined = None
        return LocalFits(hospitals, combined)


def ridge_fit(model: Model, cohort: Cohort) -> NDArray[np.float64] | None:
    """Fit a hospital's own model by scikit-learn, ridge of prior SD 2.5, intercept unpenalised.

    The prior is on coefficients in SD units, of 0/1 columns too. Returns coefficients of the
    model's columns, shape (p,), intercept first; None if the hospital has one arm only.
    """
    arm = cohort.arm[model.rows(cohort)]
    if not arm.any() or arm.all():
        return None
    if model.size == 1:
        share = float(arm.mean())
        return np.array([np.log(share / (1 - share))])
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import

    x = np.concatenate([part for part, _ in model.chunks(cohort)])
    fit = LogisticRegression(C=PRIOR_SD**2, solver="newton-cholesky", tol=1e-10, max_iter=200)
    spread = np.array(model.spread[1:])
    fit.fit(x[:, 1:] / spread, arm)
    return np.concatenate([fit.intercept_, fit.coef_[0] / spread])
