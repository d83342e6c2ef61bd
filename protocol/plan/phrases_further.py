"""Sentences on what a plan asks of its endpoints beyond the comparison of the arms."""

from protocol.plan.endpoints import BinaryOutcome, Subgroup, TimeToEvent
from protocol.plan.model import Sensitivity


def further_survival(entry: TimeToEvent) -> str:
    """Say what else is asked of an endpoint with a time; begins with a space."""
    said = ""
    if entry.gray_by_hospital:
        said += (
            " Gray's test of each cause is stratified by hospital too: two sums a cause, over four "
            "hospitals at least (rule S7)."
        )
    return said + _control(entry.negative_control)


def further_outcome(entry: BinaryOutcome) -> str:
    """Say what else is asked of an endpoint without a time; begins with a space."""
    said = ""
    if entry.doubly_robust:
        said += (
            " Its risk difference is also estimated doubly robustly: a logistic model of it is "
            "fitted in each arm by sums, as the propensity is, and five sums over all patients "
            "combine both models."
        )
    return said + _control(entry.negative_control)


def _control(negative: bool) -> str:
    if not negative:
        return ""
    return (
        " It is a negative control, on which the treatment cannot act: a difference would show "
        "that the arms are not comparable, and is told apart from the results."
    )


def further_sensitivity(entry: Sensitivity) -> tuple[str, ...]:
    """Say what is worked out again under other conditions."""
    said = []
    if entry.time_grid:
        said.append(
            "Would a coarser time grid have changed the answer? Outcomes with a time are worked "
            "out again from the same tables, by month, quarter, half-year and year where these are "
            "coarser than the profile's grid. Nothing further leaves."
        )
    if entry.estimated_scores:
        said.append(
            "Errors of weighted hazard ratios are also given as they are with the propensity score "
            "estimated and not known: for each tie correction, one sum a column of the model, then "
            "one sum of squares."
        )
    return tuple(said)


def further_subgroup(entry: Subgroup) -> str:
    """Say how a subgroup variable's levels are compared; begins with a space."""
    if entry.test == "none":
        return ""
    trend = ", and whether they rise or fall in the levels' order" if entry.test == "trend" else ""
    return (
        f" Also tested, from the same tables: whether hazards differ between the levels{trend}, "
        "where all levels can be looked at."
    )
