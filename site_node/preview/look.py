"""The hospital's quick look at its own patients, by packages that hospitals know: never leaves.

Survival by lifelines, the propensity model by scikit-learn. Nothing here is a part of the study.
"""

from dataclasses import dataclass

import numpy as np

from protocol.cohort import Cohort, column, complete_cases
from protocol.plan.columns import model_columns
from protocol.plan.model import Plan
from site_node.preflight import quick_look
from site_node.terminal import table

NEVER = "Quick look at this hospital's patients alone; it never leaves this screen."


@dataclass(frozen=True)
class OwnFit:
    """A propensity model of this hospital alone: coefficients by column, a column's SD apart.

    `c_statistic` is the share of pairs of a treated and a comparator patient in which the treated
    one has the higher score.
    """

    names: tuple[str, ...]
    log_odds: tuple[float, ...]
    patients: tuple[int, int]
    c_statistic: float


def own_survival(plan: Plan, cohort: Cohort) -> tuple[str, ...]:
    """Write this hospital's Kaplan-Meier survival at the plan's landmarks, a table an endpoint."""
    return tuple(quick_look(plan, cohort))[1:]


def own_propensity(plan: Plan, cohort: Cohort) -> OwnFit | None:
    """Fit the plan's columns on this hospital's complete cases; None where it cannot be.

    With a ridge penalty of prior SD 1: few patients may be separated by their covariates.
    """
    if plan.propensity is None:
        return None
    # Only here: loading it takes longer than all the rest of the command.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    rows = np.flatnonzero(complete_cases(plan, cohort))
    arm = cohort.arm[rows]
    whole = {what.name: column(plan, what, cohort, rows) for what in model_columns(plan)}
    kept = {name: x for name, x in whole.items() if len(x) and float(x.std()) > 0}
    if not kept or len(np.unique(arm)) < 2:
        return None
    matrix = np.stack([(x - x.mean()) / x.std() for x in kept.values()], axis=1)
    fit = LogisticRegression(max_iter=1000).fit(matrix, arm)
    score = fit.decision_function(matrix)
    return OwnFit(
        names=tuple(kept),
        log_odds=tuple(float(b) for b in fit.coef_[0]),
        patients=(int((arm == 0).sum()), int((arm == 1).sum())),
        c_statistic=float(roc_auc_score(arm, score)),
    )


def propensity_table(found: OwnFit) -> str:
    """Write the model of this hospital alone."""
    header = ("Propensity, this hospital alone", "log odds per SD")
    pairs = zip(found.names, found.log_odds, strict=True)
    lines = [(name, f"{b:+.2f}") for name, b in pairs]
    return f"{table(header, lines)}\nc-statistic {found.c_statistic:.2f} (scikit-learn, ridge)"
