"""Outcomes without a time: risks, their differences and ratios."""

from coordinator.report.blocks import Block, More, Row, Section, Table
from coordinator.report.choice import effective
from coordinator.report.sections.outcomes import ABSENT, points, population_cell, size_line
from coordinator.report.wording import (
    count,
    p_phrase,
    p_value,
    percent,
    percent_interval,
    stacked,
)
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult


def binary_section(results: Results) -> Section | None:
    """Tabulate outcomes without a time, subgroups folded away; None if the plan has none."""
    if not results.binary:
        return None
    title = "Outcomes without a time"
    whole = [found for found in results.binary if not found.level]
    levels = [found for found in results.binary if found.level]
    blocks: list[Block] = [_binary_table(results, whole, title)]
    if levels:
        inner = _binary_table(results, levels, f"{title}, by subgroup")
        blocks.append(More(f"{title}, by subgroup", (inner,)))
    return Section("binary", title, tuple(blocks))


def _binary_table(results: Results, found: list[BinaryResult], caption: str) -> Table:
    arms = results.study.arms
    header = (
        *("Population", arms.treated, arms.comparator, "Difference\n% points"),
        *("Risk ratio", "Odds ratio", "P\nχ²", "P\nFisher"),
    )
    rows: list[Row] = []
    for number, one in enumerate(found):
        if number == 0 or found[number - 1].endpoint != one.endpoint:
            rows.append(Row((one.label,), "heading"))
        rows.append(
            Row((population_cell(results, one.population, one.level), *_risks(results, one)))
        )
    notes = [
        "Patients with the outcome of those assessed; 95 % intervals, those of shares Wilson's, of "
        "their difference Wald's (results.json has Newcombe's and others). χ²: Pearson's, "
        "uncorrected; Fisher: exact, two-sided."
    ]
    if any(effective(results, one.population) for one in found):
        notes.append(_WEIGHTED)
    return Table(caption, header, tuple(rows), notes=tuple(notes))


_WEIGHTED = (
    "Weighted populations: counts are of patients, shares are weighted, and intervals robust; the "
    "P value beside the difference is its Wald test's, as tests of whole patients do not apply. "
    "ESS: effective sample size."
)


def _risks(results: Results, found: BinaryResult) -> tuple[str, ...]:
    d, rr, odds = found.risk_difference, found.risk_ratio, found.odds_ratio
    weighted = effective(results, found.population) is not None
    wald = f"\n{p_phrase(d.p_value)} (Wald)" if weighted else ""
    tests = found.chi_square.p_value, found.fisher_p
    return (
        _share(results, found, "treated"),
        _share(results, found, "comparator"),
        points(d) + wald,
        stacked(rr.estimate, rr.conf_low, rr.conf_high),
        stacked(odds.estimate, odds.conf_low, odds.conf_high),
        *(ABSENT if weighted else p_value(p) for p in tests),
    )


def _share(results: Results, found: BinaryResult, side: str) -> str:
    events, n = getattr(found.events, side), getattr(found.patients, side)
    unassessed = getattr(found.unassessed, side)
    more = f"\n{count(unassessed)} not assessed" if unassessed else ""
    size, risk = size_line(results, found, side), getattr(found.risk, side)
    wilson = next((i for i in found.intervals if (i.of, i.method) == (side, "wilson")), None)
    share = percent_interval(risk, wilson.conf_low, wilson.conf_high) if wilson else percent(risk)
    return f"{count(events)} / {count(n)}\n{share}{more}{size}"
