"""Rows of `estimates.csv` on matched pairs, on the lottery that drew them, and on subgroups."""

from collections.abc import Iterator

from coordinator.report.lines import BOTH, Line, ratio_line
from protocol.results.model import Results
from protocol.results.values.estimates import Test
from protocol.results.values.pairs import PairsResult
from protocol.results.values.sensitivity import LotteryResult
from protocol.results.values.strata import Interaction


def more_lines(
    results: Results,
) -> Iterator[tuple[PairsResult | LotteryResult | Interaction, Line]]:
    """List all of them, each with the result that it is of."""
    for pairs in results.pairs:
        for line in pair_lines(pairs):
            yield pairs, line
    for lottery in results.lotteries:
        for line in lottery_lines(lottery):
            yield lottery, line
    for one in results.interactions:
        method = f"{one.variable}: {one.method}"
        yield one, _tested("interaction test", method, one.test)


def pair_lines(found: PairsResult) -> Iterator[Line]:
    """List the tests within pairs; what is only expected of pairs says so in its method."""
    if found.log_rank is not None:
        yield _tested("log-rank test", found.log_rank.name, found.log_rank.test)
    if found.hazard_ratio is not None:
        yield ratio_line("hazard ratio", found.hazard_ratio)
    by = " by cell" if found.by_cell else ""
    for one in found.discordant:
        time = float(one.time)
        for arm, n in (("treated", one.only_treated), ("comparator", one.only_comparator)):
            yield Line(BOTH, "discordant pairs", f"{arm} only{by}", time, n, one.spread)
        yield _tested("McNemar's test", f"uncorrected{by}", one.mcnemar, time)
        yield _tested("McNemar's test", f"corrected{by}", one.corrected, time)
        yield Line(BOTH, "McNemar's test", f"exact{by}", time, p_value=one.exact_p)
        for bound in one.bounds:
            method = f"odds {bound.gamma:g}{by}"
            yield Line(BOTH, "Rosenbaum's bound", method, time, p_value=bound.p_value)


def _tested(term: str, method: str, test: Test, time: float | None = None) -> Line:
    return Line(BOTH, term, method, time, statistic=test.statistic, p_value=test.p_value)


def lottery_lines(found: LotteryResult) -> Iterator[Line]:
    """List between which limits the hazard ratio lies over all lotteries, and how it varies."""
    low, high = found.low, found.high
    yield Line(BOTH, "hazard ratio", "other lotteries", conf_low=low, conf_high=high)
    yield Line(BOTH, "lottery SD of the log hazard ratio", estimate=found.std_dev)
