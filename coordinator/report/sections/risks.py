"""Outcomes without a time: risks, their differences and ratios."""

from coordinator.report.blocks import Block, More, Row, Section, Table
from coordinator.report.sections.outcomes import points, population_cell
from coordinator.report.wording import count, p_value, percent, stacked
from protocol.results.model import BinaryResult, Results


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
        rows.append(Row((population_cell(results, one.population, one.level), *_risks(one))))
    note = (
        "Patients with the outcome of those assessed; 95 % intervals below. χ²: Pearson's, "
        "uncorrected; Fisher: exact, two-sided."
    )
    return Table(caption, header, tuple(rows), notes=(note,))


def _risks(found: BinaryResult) -> tuple[str, ...]:
    d, rr, odds = found.risk_difference, found.risk_ratio, found.odds_ratio
    return (
        _share(found, "treated"),
        _share(found, "comparator"),
        points(d),
        stacked(rr.estimate, rr.conf_low, rr.conf_high),
        stacked(odds.estimate, odds.conf_low, odds.conf_high),
        p_value(found.chi_square.p_value),
        p_value(found.fisher_p),
    )


def _share(found: BinaryResult, side: str) -> str:
    events, n = getattr(found.events, side), getattr(found.patients, side)
    unassessed = getattr(found.unassessed, side)
    more = f"\n{count(unassessed)} not assessed" if unassessed else ""
    return f"{count(events)} / {count(n)}\n{percent(getattr(found.risk, side))}{more}"
