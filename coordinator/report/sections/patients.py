"""Who was studied: the flow of patients and Table 1 before and after matching or weighting."""

import math

from coordinator.report.blocks import Block, Figure, More, Row, Section, Table, Text
from coordinator.report.choice import effective, main_population, population_label
from coordinator.report.figures.flow import flow as drawn_flow
from coordinator.report.wording import count, decimal, list_of, p_value, percent, weight
from protocol.results.model import Results
from protocol.results.values.estimates import Pair
from protocol.results.values.patients import Summary, TableOne, TableRow

ABSENT = "–"


def flow_section(results: Results) -> Section:
    """Draw the flow of patients, and count missing values where there are any."""
    blocks: list[Block] = [_flow_figure(results)]
    if results.flow.missing:
        blocks.append(_missing(results))
    return Section("flow", "Flow of patients", tuple(blocks))


def _flow_figure(results: Results) -> Figure:
    flow, arms = results.flow, results.study.arms
    total = flow.patients.comparator + flow.patients.treated
    excluded = sum(one.rows for one in flow.excluded)
    rows = [Row(("Rows of the extracts", "", "", count(flow.rows)))]
    rows += [Row((f"Excluded: {e.reason}", "", "", count(e.rows))) for e in flow.excluded]
    rows.append(_arm_row("Patients in the study", flow.patients))
    rows.append(_arm_row("Complete covariates", flow.complete))
    for design in (design for design in results.designs if not design.reason):
        rows.append(_arm_row(design.label, design.matched))
        rows.append(_arm_row(f"Not matched: {design.label}", design.left_out))
    return Figure(
        name="flow-figure",
        title="Flow of patients",
        svg=drawn_flow(results).svg(),
        alt=(
            f"Of {count(flow.rows)} rows {count(excluded)} were excluded; {count(total)} patients "
            f"are in the study, {count(flow.patients.treated)} with {arms.treated} and "
            f"{count(flow.patients.comparator)} with {arms.comparator}."
        ),
        caption=(
            "Pooled counts over all hospitals. A row is excluded for the first reason that fits. "
            "Populations that branch off an arm stand beside each other: each is made from the "
            "whole arm."
        ),
        table=Table("Flow of patients", ("", arms.treated, arms.comparator, "All"), tuple(rows)),
    )


def _arm_row(name: str, n: Pair[int]) -> Row:
    return Row((name, count(n.treated), count(n.comparator), count(n.treated + n.comparator)))


def _missing(results: Results) -> Table:
    arms = results.study.arms
    rows = tuple(_arm_row(one.label, one.patients) for one in results.flow.missing)
    return Table("Missing values", ("Variable", arms.treated, arms.comparator, "All"), rows)


def table_one_section(results: Results) -> Section:
    """Lay out Table 1 before and after, and further populations folded away."""
    tables = {table.population: table for table in results.table_one}
    main = main_population(results)
    before = next(iter(results.table_one), None)
    if before is None:
        return Section("table-1", "Patients", (Text(("No population was described.",)),))
    matched = tables.get(main.name) if main and main.name != before.population else None
    blocks: list[Block] = [_table_one(results, before, matched)]
    others = [t for t in results.table_one if t not in (before, matched)]
    blocks += [
        More(
            f"Table 1 of “{population_label(results, other.population)}”",
            (_table_one(results, before, other),),
        )
        for other in others
    ]
    title = f"Patients before and after {_way(results, matched)}" if matched else "Patients by arm"
    return Section("table-1", title, tuple(blocks))


def _way(results: Results, table: TableOne | None) -> str:
    """Name what made a population of all patients."""
    return "weighting" if table and effective(results, table.population) else "matching"


def _table_one(results: Results, before: TableOne, after: TableOne | None) -> Table:
    arms = results.study.arms
    shown = [before] if after is None else [before, after]
    header, groups = ["Characteristic"], [("", 1)]
    for table in shown:
        own = population_label(results, table.population)
        label = f"Before {_way(results, after)}" if table is before else own
        groups.append((label, 4 if table.tests else 3))
        header += [f"{getattr(arms, side)}{_size(results, table, side)}" for side in _SIDES]
        header += ["SMD", "P"] if table.tests else ["SMD"]
    weighted = [effective(results, table.population) is not None for table in shown]
    rows = _table_rows(shown, weighted)
    return Table(
        "Table 1. Patients by arm",
        tuple(header),
        tuple(rows),
        tuple(groups) if after is not None else (),
        (
            *([_WEIGHTED] if any(weighted) else []),
            "Mean (SD) and median [quartiles] for numbers, patients (%) for levels. "
            f"{_quartiles_told(shown)}",
            "SMD: standardised mean difference, treated less comparator, over the pooled SD of all "
            "in every column, so that both are on one scale.",
            *_tests_told(shown),
        ),
    )


def _quartiles_told(shown: list[TableOne]) -> str:
    """Say how quartiles were found, where both ways occur for which numbers."""
    numbers = {row.label: row.exact for table in shown for row in table.rows if row.number}
    read = [label for label, exact in numbers.items() if not exact]
    if len(read) == len(numbers):
        return "Quartiles are read off a histogram."
    if not read:
        return "Quartiles are exact (type 7)."
    return f"Quartiles of {list_of(read)} are read off a histogram; others are exact (type 7)."


def _tests_told(shown: list[TableOne]) -> list[str]:
    """Say which tests the P values are of, and why matched or weighted arms have none."""
    quoted = [test for table in shown for test in table.tests if test.quoted]
    if not quoted:
        return []
    methods = list_of(list(dict.fromkeys(test.method for test in quoted)))
    after = " After matching or weighting there is none: balance is judged by the SMD."
    return [
        f"P: {methods}, before adjustment only; it speaks of the sample's size as much as of "
        f"balance. Ranks are of the histogram's bins.{after if len(shown) > 1 else ''}"
    ]


_SIDES = ("treated", "comparator")
_WEIGHTED = (
    "Weighted population: weighted mean (SD) and weighted share; counts and quartiles would be "
    "those of unweighted patients and are left out. ESS: effective sample size."
)


def _size(results: Results, table: TableOne, side: str) -> str:
    sizes = effective(results, table.population)
    size = f"\nESS {weight(getattr(sizes, side))}" if sizes else ""
    return f"\nn = {count(getattr(table.patients, side))}{size}"


def _table_rows(shown: list[TableOne], weighted: list[bool]) -> list[Row]:
    """Write a line a number or level; categories get a heading, and P on their first line."""
    rows: list[Row] = []
    before = ""
    for aligned in zip(*(table.rows for table in shown), strict=True):
        first = aligned[0]
        begins = first.variable != before
        if first.level and begins:
            rows.append(Row((first.label,), "heading"))
        before = first.variable
        unit = f", {first.unit}" if first.unit else ""
        name = first.level or f"{first.label}{unit}"
        cells: list[str] = []
        for table, row, weighs in zip(shown, aligned, weighted, strict=True):
            cells += [*_cells(row, weighs=weighs), *_p_cell(table, row, begins=begins)]
        rows.append(Row((name, *cells), "level" if first.level else ""))
        last = aligned[-1]
        if any(_unknown(row) for row in aligned) and (last.number or not first.level):
            told = [
                cell
                for table, row in zip(shown, aligned, strict=True)
                for cell in (*_missing_cells(row), *([""] if table.tests else []))
            ]
            rows.append(Row(("missing", *told), "minor"))
    return rows


def _p_cell(table: TableOne, row: TableRow, *, begins: bool) -> tuple[str, ...]:
    """Write the quoted test's P value once a variable; no cell where nothing is tested."""
    if not table.tests:
        return ()
    quoted = (t.p_value for t in table.tests if t.quoted and t.variable == row.variable)
    p = next(quoted, math.nan) if begins else math.nan
    return ("" if math.isnan(p) else p_value(p),)


def _cells(row: TableRow, *, weighs: bool) -> tuple[str, str, str]:
    if weighs:
        told = _weighted_number if row.number else _weighted_level
    else:
        told = _number if row.number else _level
    smd = ABSENT if math.isnan(row.smd) else decimal(row.smd)
    return told(row.arms.treated), told(row.arms.comparator), smd


def _number(one: Summary) -> str:
    if math.isnan(one.mean):
        return ABSENT
    middle = f"{_short(one.median)} [{_short(one.lower_quartile)}, {_short(one.upper_quartile)}]"
    return f"{_short(one.mean)} ({_short(one.sd)})\n{middle}"


def _weighted_number(one: Summary) -> str:
    return ABSENT if math.isnan(one.mean) else f"{_short(one.mean)} ({_short(one.sd)})"


def _weighted_level(one: Summary) -> str:
    return ABSENT if math.isnan(one.share) else percent(one.share)


def _short(value: float) -> str:
    """Write a number with about three digits."""
    if math.isnan(value):
        return ABSENT
    return decimal(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def _level(one: Summary) -> str:
    share = ABSENT if math.isnan(one.share) else percent(one.share)
    return f"{count(one.patients)} ({share})"


def _unknown(row: TableRow) -> bool:
    return row.arms.treated.missing + row.arms.comparator.missing > 0


def _missing_cells(row: TableRow) -> tuple[str, str, str]:
    return count(row.arms.treated.missing), count(row.arms.comparator.missing), ""
