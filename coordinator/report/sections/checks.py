"""Checks of assumptions: proportional hazards, and unmeasured confounding."""

from coordinator.report.blocks import Block, Row, Section, Table
from coordinator.report.choice import population_label
from coordinator.report.wording import decimal, p_value
from protocol.results.model import Results
from protocol.results.values.estimates import LogRankTest
from protocol.results.values.survival import SurvivalResult

BY_HOSPITAL = " by hospital"
TESTS = {
    "gehan": "Gehan",
    "tarone-ware": "Tarone-Ware",
    "peto-peto": "Peto-Peto",
    "modified-peto-peto": "Peto-Peto, modified",
    "fleming-harrington-1-0": "Fleming-Harrington (1, 0)",
    "fleming-harrington-0-1": "Fleming-Harrington (0, 1)",
    "fleming-harrington-1-1": "Fleming-Harrington (1, 1)",
    "fleming-harrington-half-half": "Fleming-Harrington (½, ½)",
}
"""What the further tests are called."""


def checks_section(results: Results) -> Section | None:
    """Tell the tests of proportional hazards and the E-values; None if there are none."""
    tested = [r for r in results.survival if not r.level and r.proportional_hazards]
    blocks: list[Block] = []
    if further := [r for r in results.survival if not r.level and further_tests(r)]:
        blocks.append(_further(results, further))
    if tested:
        blocks.append(_proportional(results, tested))
    if valued := [r for r in results.survival if not r.level and r.e_value]:
        blocks.append(_e_values(results, valued))
    return Section("checks", "Checks of assumptions", tuple(blocks)) if blocks else None


def further_tests(found: SurvivalResult) -> dict[str, LogRankTest]:
    """Find the tests of equal hazards that the plan names beside the log-rank test."""
    return {test.name: test for test in found.log_rank if not test.name.startswith("log-rank")}


def _further(results: Results, found: list[SurvivalResult]) -> Table:
    names = [name for name in further_tests(found[0]) if not name.endswith(BY_HOSPITAL)]
    header = ("Endpoint and population", *(f"P, {TESTS[name]}" for name in names))
    rows = []
    for one in found:
        tests = further_tests(one)
        cells = []
        for name in names:
            plain, within = tests.get(name), tests.get(f"{name}{BY_HOSPITAL}")
            told = p_value(plain.test.p_value) if plain else "–"
            more = f"\n{p_value(within.test.p_value)} by hospital" if within else ""
            cells.append(f"{told}{more}")
        rows.append(Row((f"{one.label}\n{population_label(results, one.population)}", *cells)))
    note = (
        "The log-rank test with weights: the patients at risk (Gehan), their root (Tarone-Ware), a "
        "survival curve of both arms (Peto-Peto), or S^p (1 − S)^q of it (Fleming-Harrington). The "
        "plan named them beforehand; the smallest P is none to quote."
    )
    return Table("Further tests of equal hazards", header, tuple(rows), notes=(note,))


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
