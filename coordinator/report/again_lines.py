"""Rows of `estimates.csv` on coarser time grids, levels of a variable, and doubly robust risks."""

from collections.abc import Iterator

from coordinator.report.lines import BOTH, Line, line_of
from protocol.results.model import Results
from protocol.results.values.binary import DoublyRobust
from protocol.results.values.estimates import Test
from protocol.results.values.sensitivity import GridEstimates, TimeGrids
from protocol.results.values.strata import LevelComparison

Again = TimeGrids | LevelComparison | DoublyRobust


def again_lines(results: Results) -> Iterator[tuple[Again, Line]]:
    """List what was worked out in further ways, each row with the result that it is of."""
    arms = results.study.arms
    for grids in results.time_grids:
        for one in grids.grids[1:]:  # the first is as asked
            yield from (
                (grids, line) for line in _grid_lines(grids, one, arms.treated, arms.comparator)
            )
    for levels in results.levels:
        yield from ((levels, line) for line in _level_lines(levels))
    for robust in results.doubly_robust:
        if not robust.stopped:
            method = "doubly robust"
            yield robust, line_of(arms.comparator, "risk", robust.risk.comparator, method)
            yield robust, line_of(arms.treated, "risk", robust.risk.treated, method)
            yield robust, line_of(BOTH, "risk difference", robust.risk_difference, method)
            yield robust, line_of(BOTH, "risk ratio", robust.risk_ratio, method)


def _grid_lines(
    grids: TimeGrids, one: GridEstimates, treated: str, comparator: str
) -> Iterator[Line]:
    method = f"by {one.grid}"
    for arm, shares in ((comparator, one.survival.comparator), (treated, one.survival.treated)):
        for time, share in zip(grids.times, shares, strict=True):
            yield Line(arm, "survival", method, float(time), estimate=share)
    yield _test("log-rank test", method, one.log_rank)
    for hr in (one.efron, one.breslow):
        if hr is not None:
            yield Line(
                BOTH, "hazard ratio", f"{hr.method} {method}", None, hr.hazard_ratio,
                hr.std_error, hr.conf_low, hr.conf_high, hr.statistic, hr.p_value,
            )  # fmt: skip
    if one.mean_time is not None:
        yield line_of(BOTH, "restricted mean time", one.mean_time, method)


def _level_lines(levels: LevelComparison) -> Iterator[Line]:
    """Test levels: the arm's column holds the variable, since both arms are in it."""
    for term, test, within in (
        ("test of levels", levels.differ, levels.differ_by_arm),
        ("trend over levels", levels.trend, levels.trend_by_arm),
    ):
        for method, found in (("log-rank", test), ("log-rank by arm", within)):
            if found is not None:
                yield _test(term, method, found, levels.variable)


def _test(term: str, method: str, test: Test, arm: str = BOTH) -> Line:
    return Line(arm, term, method, statistic=test.statistic, p_value=test.p_value)
