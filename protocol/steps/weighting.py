"""Weights from the propensity score: each patient's own, computed where the patient is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.plan.adjustment import Target, Weighting
from protocol.steps.model import Model
from protocol.steps.overlap import CLAMP
from protocol.steps.population import rounded
from protocol.steps.score import expit

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class FineStrata:
    """Strata of the logit score, closed on the left as its bins are, with patients of both arms."""

    inner_cuts: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    """Patients by arm (comparator, treated), none of them 0."""

    def logit(self, logit: Reals) -> Reals:
        """Replace each patient's logit by that of the share of treated in the stratum."""
        shares = np.log([treated / comparator for comparator, treated in self.sizes])
        found: Reals = shares[np.searchsorted(self.inner_cuts, logit, side="right")]
        return found


@dataclass(frozen=True)
class Weighted:
    """The complete cases, weighed by their propensity score.

    Trimming leaves out those whose score is extreme (Crump et al. 2009, Biometrika 96, 187-199);
    truncation lets large weights count as smaller ones, which gives up some of the balance.
    `treated_share` is the share of treated among all complete cases, for stabilised weights.
    """

    weighting: Weighting
    model: Model
    b: tuple[float, ...]
    treated_share: float
    information: tuple[tuple[float, ...], ...] = ()
    """Of the fitted model at b, (p, p); empty where weights do not follow b smoothly."""
    fine: FineStrata | None = None
    """Strata whose share of treated stands for the propensity."""

    weighted = True

    @property
    def name(self) -> str:
        """The name that the plan gives it."""
        return self.weighting.name

    @property
    def members(self) -> str:
        """Name the population with the same patients that nobody weighs."""
        return "complete" if self.weighting.trim is None else self.name

    def weights(self, cohort: Cohort) -> Reals:
        """Weigh the hospital's complete cases, rounded as the profile says; others get 0."""
        rows, demands = self.model.rows(cohort), rules(self.model.plan)
        logit = self.model.logit(cohort, self.b)
        if demands.weight_digits:  # nobody's weight tells how extreme a score is
            logit = np.clip(logit, -CLAMP, CLAMP)
        if self.fine is not None:
            logit = self.fine.logit(logit)
        arm = cohort.arm[rows] == 1
        own = propensity_weights(self.weighting.target, arm, logit, self.treated_share)
        if self.weighting.truncate is not None:
            own = np.minimum(own, self.weighting.truncate)
        if self.weighting.trim is not None:
            own = np.where(np.minimum(expit(logit), expit(-logit)) < self.weighting.trim, 0.0, own)
        weights = np.zeros(cohort.size)
        weights[rows] = rounded(own, demands.weight_digits)
        return weights

    def slopes(self, cohort: Cohort) -> Reals:
        """Find how the complete cases' weights change with their logit, in the order of the rows.

        Of exact weights; 0 where a score is held, or a weight truncated or trimmed away.
        """
        logit = self.model.logit(cohort, self.b)
        treated = cohort.arm[self.model.rows(cohort)] == 1
        target, share = self.weighting.target, self.treated_share
        slope = weight_slopes(target, treated, logit, share)
        if rules(self.model.plan).weight_digits:
            slope = np.where(np.abs(logit) > CLAMP, 0.0, slope)
        if self.weighting.truncate is not None:
            own = propensity_weights(target, treated, logit, share)
            slope = np.where(own > self.weighting.truncate, 0.0, slope)
        if self.weighting.trim is not None:
            low = np.minimum(expit(logit), expit(-logit)) < self.weighting.trim
            slope = np.where(low, 0.0, slope)
        return slope


def propensity_weights(
    target: Target, treated: NDArray[np.bool_], logit: Reals, treated_share: float
) -> Reals:
    """Compute weights that make both arms resemble the target, shape of `logit`.

    With e the propensity: 1/e for the treated and 1/(1-e) for others (everybody), times the arm's
    share (stabilised), e/(1-e) for others (treated), (1-e)/e for the treated (comparator), the
    chance of the other arm (overlap), min(e, 1-e) over the chance of the own arm (matchable).

    References
    ----------
    Rosenbaum (1987), J. Am. Stat. Assoc. 82, 387-394; Li, Morgan and Zaslavsky (2018), J. Am.
    Stat. Assoc. 113, 390-400 (overlap); Li and Greene (2013), Int. J. Biostat. 9, 215-234
    (matching weights).
    """
    e, other = expit(logit), expit(-logit)
    own = np.where(treated, e, other)
    match target:
        case "everybody":
            return 1 / own
        case "everybody-stabilised":
            return np.where(treated, treated_share, 1 - treated_share) / own
        case "treated":
            return np.where(treated, 1.0, e / other)
        case "comparator":
            return np.where(treated, other / e, 1.0)
        case "overlap":
            return 1 - own
        case "matchable":
            return np.minimum(e, other) / own


def weight_slopes(
    target: Target, treated: NDArray[np.bool_], logit: Reals, treated_share: float
) -> Reals:
    """Differentiate `propensity_weights` by the logit, the treated share held; de = e (1 - e)."""
    e, other = expit(logit), expit(-logit)
    odds = np.where(treated, -other / e, e / other)  # the slope of 1/e, and of 1/(1 - e)
    match target:
        case "everybody":
            return odds
        case "everybody-stabilised":
            return np.where(treated, treated_share, 1 - treated_share) * odds
        case "treated":
            return np.where(treated, 0.0, odds)
        case "comparator":
            return np.where(treated, odds, 0.0)
        case "overlap":
            return np.where(treated, -1.0, 1.0) * e * other
        case "matchable":
            own = np.where(treated, e, other)
            return np.where(own > 0.5, odds, 0.0)
