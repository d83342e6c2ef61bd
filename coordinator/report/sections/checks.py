"""Checks of assumptions: proportional hazards, and unmeasured confounding."""

from coordinator.report.blocks import Block, Row, Section, Table
from coordinator.report.choice import population_label
from coordinator.report.wording import decimal, p_value
from protocol.results.model import Results, SurvivalResult


def checks_section(results: Results) -> Section | None:
    """Tell the tests of proportional hazards and the E-values; None if there are none."""
    tested = [r for r in results.survival if not r.level and r.proportional_hazards]
    blocks: list[Block] = []
    if tested:
        blocks.append(_proportional(results, tested))
    if valued := [r for r in results.survival if not r.level and r.e_value]:
        blocks.append(_e_values(results, valued))
    return Section("checks", "Checks of assumptions", tuple(blocks)) if blocks else None


def _proportional(results: Results, tested: list[SurvivalResult]) -> Table:
    transforms = [one.transform for one in tested[0].proportional_hazards]
    names = {"km": "1 − S(t)", "rank": "rank", "identity": "t", "log": "log t"}
    header = ("Endpoint and population", *(f"P, g = {names.get(t, t)}" for t in transforms))
    rows = tuple(
        Row(
            (
                f"{one.label}\n{population_label(results, one.population)}",
                *(p_value(test.test.p_value) for test in one.proportional_hazards),
            )
        )
        for one in tested
    )
    note = (
        "Score tests of a coefficient that changes with g(t), as R's cox.zph. A small P speaks "
        "against one constant hazard ratio; the survival differences and mean times hold all the "
        "same."
    )
    return Table("Proportional hazards", header, rows, notes=(note,))


def _e_values(results: Results, valued: list[SurvivalResult]) -> Table:
    rows = tuple(
        Row(
            (
                f"{one.label}\n{population_label(results, one.population)}",
                decimal(one.e_value.estimate),
                decimal(one.e_value.limit),
            )
        )
        for one in valued
        if one.e_value
    )
    note = (
        "How strongly, as a risk ratio, an unmeasured confounder would have to go with both arm "
        "and outcome to explain the estimate, or the limit nearer to no effect, away; 1 where the "
        "interval holds no effect already."
    )
    header = ("Endpoint and population", "For the estimate", "For the nearer limit")
    return Table("E-values", header, rows, notes=(note,))
