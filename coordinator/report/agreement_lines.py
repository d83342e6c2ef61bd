"""Rows of `estimates.csv` on agreement of hospitals, adjustment, strata and limits of risks."""

import math
from collections.abc import Iterator

from coordinator.report.lines import BOTH, Line, line_of, ratio_line
from protocol.results.values.binary import BinaryResult
from protocol.results.values.estimates import Pair
from protocol.results.values.sensitivity import HospitalAgreement
from protocol.results.values.strata import CommonOdds, ScoreStratification, StratifiedSurvival
from protocol.results.values.survival import AdjustedResult


def agreement_lines(found: HospitalAgreement) -> Iterator[Line]:
    """List what the hospitals' own hazard ratios come to, and how far they differ."""
    for hr in (found.fixed, found.random):
        if hr is not None:
            yield ratio_line("hazard ratio", hr)
    if found.fixed is not None:
        q = found.spread
        yield Line(
            BOTH, "heterogeneity test", "Cochran's Q", statistic=q.statistic, p_value=q.p_value
        )
        yield Line(BOTH, "inconsistency", "I2", estimate=found.inconsistency)
        yield Line(BOTH, "variance between hospitals", estimate=found.between_variance)
    if found.left_out is not None:
        low, high = found.left_out.low, found.left_out.high
        yield Line(BOTH, "hazard ratio", "leave one out", conf_low=low, conf_high=high)


def odds_lines(found: CommonOdds) -> Iterator[Line]:
    """List the odds ratio within strata and its test."""
    method = f"Mantel-Haenszel by {found.strata}"
    yield line_of(BOTH, "odds ratio", found.odds_ratio, method)
    test = found.test
    yield Line(BOTH, "chi-square test", method, statistic=test.statistic, p_value=test.p_value)


def adjusted_lines(found: AdjustedResult) -> Iterator[Line]:
    """List the treatment's adjusted ratio, then that of one unit more of each covariate."""
    for place, term in enumerate(found.terms):
        if place == 0:
            yield ratio_line("hazard ratio", term.ratio)
            continue
        line = ratio_line("covariate hazard ratio", term.ratio)
        yield Line(
            term.term, line.term, line.method, None, line.estimate, line.std_error, line.conf_low,
            line.conf_high, line.statistic, line.p_value,
        )  # fmt: skip


def strata_lines(
    found: ScoreStratification, arms: Pair[str]
) -> Iterator[tuple[StratifiedSurvival | CommonOdds, Line]]:
    """List comparisons within strata of the score, each with the result that it is of."""
    for one in found.survival:
        for hr in one.hazard_ratios:
            yield one, ratio_line("hazard ratio", hr)
        test = one.log_rank
        yield one, Line(
            BOTH, "log-rank test", test.name, statistic=test.test.statistic,
            p_value=test.test.p_value,
        )  # fmt: skip
        for gray in one.gray:
            yield one, Line(
                BOTH, "Gray's test", f"by score, {gray.cause}", statistic=gray.test.statistic,
                p_value=gray.test.p_value,
            )  # fmt: skip
        for side in ("comparator", "treated"):
            for point in getattr(one.landmarks, side):
                for limits in point.limits:
                    yield one, Line(
                        getattr(arms, side), "survival", "standardised by score",
                        float(point.time), point.survival, point.std_error, limits.conf_low,
                        limits.conf_high,
                    )  # fmt: skip
    for odds in found.odds:
        for line in odds_lines(odds):
            yield odds, line


def interval_lines(found: BinaryResult, arms: Pair[str]) -> Iterator[Line]:
    """List the limits of both risks and of their contrasts, by method."""
    contrasts = {
        "difference": ("risk difference", found.risk_difference.estimate),
        "ratio": ("risk ratio", found.risk_ratio.estimate),
        "odds ratio": ("odds ratio", found.odds_ratio.estimate),
    }
    for one in found.intervals:
        low, high = one.conf_low, one.conf_high
        if one.of in contrasts:
            term, usual = contrasts[one.of]
            estimate = usual if math.isnan(one.estimate) else one.estimate
            yield Line(
                BOTH, term, one.method, estimate=estimate, conf_low=low, conf_high=high
            )  # fmt: skip
            continue
        yield Line(
            getattr(arms, one.of), "risk", one.method, estimate=getattr(found.risk, one.of),
            conf_low=low, conf_high=high,
        )  # fmt: skip
