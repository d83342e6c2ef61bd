"""Rows of `estimates.csv` before it is known of which endpoint and population they are."""

import math
from dataclasses import dataclass

from protocol.results.values.estimates import Estimate, HazardRatio

BOTH = "treated - comparator"


@dataclass(frozen=True)
class Line:
    """One row of `estimates.csv` without its place: an estimate, a test, or limits alone."""

    arm: str
    term: str
    method: str = ""
    time: float | None = None
    estimate: float = math.nan
    std_error: float = math.nan
    conf_low: float = math.nan
    conf_high: float = math.nan
    statistic: float = math.nan
    p_value: float = math.nan


def line_of(
    arm: str, term: str, found: Estimate, method: str = "", time: float | None = None
) -> Line:
    """Write an estimate with its limits."""
    return Line(
        arm,
        term,
        method,
        time,
        found.estimate,
        found.std_error,
        found.conf_low,
        found.conf_high,
        math.nan,
        found.p_value,
    )


def ratio_line(term: str, hr: HazardRatio) -> Line:
    """Write a hazard ratio; its error is of the logarithm."""
    return Line(
        BOTH,
        term,
        hr.method,
        None,
        hr.hazard_ratio,
        hr.std_error,  # of the log hazard ratio, as broom::tidy(exponentiate = TRUE) has it
        hr.conf_low,
        hr.conf_high,
        hr.statistic,
        hr.p_value,
    )
