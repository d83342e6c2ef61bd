"""How well matching and weights balance the arms: how populations came about, and a love plot."""

import math

from coordinator.report.blocks import Block, Figure, Row, Section, Table, Text
from coordinator.report.choice import (
    main_population,
    population_label,
    weighted_populations,
    weightings,
)
from coordinator.report.figures.love import (
    THRESHOLD,
    Difference,
    differences,
    has_matched,
    has_weighted,
    love,
)
from coordinator.report.wording import count, decimal, weight
from protocol.results.model import Results
from protocol.results.values.patients import BalanceRow
from protocol.results.values.propensity import MatchedDesign, PopulationCard


def balance_section(results: Results) -> Section:
    """Say how each matched or weighted population came about and how well it balances."""
    blocks: list[Block] = []
    if results.designs:
        blocks.append(_designs(results))
    if weighted := weighted_populations(results):
        blocks.append(_weighted(results, weighted))
    if figure := _love_figure(results):
        blocks.append(figure)
    if not blocks:
        told = "The plan has no matching, no weights and no covariates to balance."
        blocks.append(Text((told,)))
    ways = ["Matching"] * bool(results.designs) + ["weights"] * bool(weightings(results))
    title = f"{', '.join(ways)} and balance" if ways else "Balance"
    return Section("balance", title[:1].upper() + title[1:], tuple(blocks))


def _weighted(results: Results, cards: tuple[PopulationCard, ...]) -> Table:
    arms = results.study.arms
    header = ("Population", "Whom it is about", arms.treated, arms.comparator, "Largest |SMD|")
    rows = []
    for card in cards:
        n, sizes = card.patients, card.effective
        told = (sizes.treated, sizes.comparator) if sizes else (math.nan, math.nan)
        rows.append(
            Row(
                (
                    population_label(results, card.name),
                    card.estimand,
                    f"n = {count(n.treated)}\nESS {weight(told[0])}",
                    f"n = {count(n.comparator)}\nESS {weight(told[1])}",
                    _worst(tuple(row for row in results.balance if row.population == card.name)),
                )
            )
        )
    note = (
        "ESS: effective sample size, (Σw)²/Σw²: so many patients who count alike would tell a mean "
        "as precisely. Where it is far below n, few patients carry most of the weight."
    )
    return Table("Weighted populations", header, tuple(rows), notes=(note,), words=(0, 1, 4))


def _designs(results: Results) -> Table:
    header = (
        *("Population", "How", "Caliper", results.study.arms.treated),
        *(results.study.arms.comparator, "Largest |SMD|"),
    )
    rows = tuple(Row(_design_cells(results, design)) for design in results.designs)
    return Table("Matched populations", header, rows, words=(0, 1, 2, 5))


def _design_cells(results: Results, design: MatchedDesign) -> tuple[str, ...]:
    if design.reason:
        return design.label, f"left out: {design.reason}", "", "", "", ""
    how = {
        "pooled-quota": "across hospitals, by quotas of score bins and lottery",
        "within-hospital": "within each hospital, nearest score first",
    }.get(design.method, design.method)
    if design.imbalance_by_key:
        tried = len(design.imbalance_by_key)
        how += f"\nlottery {design.key_number} of {tried}, the best balanced"
    n, left = design.matched, design.left_out
    worst = _worst(tuple(row for row in results.balance if row.population == design.name))
    return (
        f"{design.label}\nfor each {design.focal} patient, {design.ratio} partner"
        f"{'' if design.ratio == 1 else 's at most'}",
        how,
        _caliper(design),
        f"n = {count(n.treated)}\n{count(left.treated)} not matched",
        f"n = {count(n.comparator)}\n{count(left.comparator)} not matched",
        worst,
    )


def _caliper(design: MatchedDesign) -> str:
    if math.isinf(design.caliper):
        return "none"
    return f"{decimal(design.caliper_sd)} SD\n{decimal(design.caliper, 3)} on the logit"


def _worst(rows: tuple[BalanceRow, ...]) -> str:
    known = [row for row in rows if not math.isnan(row.smd)]
    if not known:
        return "–"
    worst = max(known, key=lambda row: abs(row.smd))
    return f"{decimal(abs(worst.smd))}\n{worst.label}"


def _love_figure(results: Results) -> Figure | None:
    names = list(dict.fromkeys(row.population for row in results.balance))
    if not names:
        return None
    before, *after = (_of(results, name) for name in (names[0], *_compared(results)))
    rows = differences(before, *after)
    told = _headline(results, rows)
    return Figure(
        name="love-figure",
        title="Balance of the covariates",
        svg=love(rows).svg(),
        alt=f"Standardised mean differences of {len(rows)} columns. {told}",
        caption=f"{told} Standardised by the unweighted SD of all. {_marks(results, rows)}",
        table=_love_table(rows),
    )


def _compared(results: Results) -> tuple[str, str]:
    """Name the first matched and the first weighted population; empty where there is none."""
    main = main_population(results)
    matched = main.name if main and main.name in {d.name for d in results.designs} else ""
    return matched, next((card.name for card in weightings(results)), "")


def _of(results: Results, name: str) -> tuple[BalanceRow, ...]:
    return tuple(row for row in results.balance if row.population == name)


def _marks(results: Results, rows: tuple[Difference, ...]) -> str:
    said = "Hollow circles: all patients with complete covariates"
    matched, weighted = _compared(results)
    if has_matched(rows):
        said += f"; squares: {population_label(results, matched)}"
    if has_weighted(rows):
        said += f"; triangles: {population_label(results, weighted)}"
    return f"{said}."


def _headline(results: Results, rows: tuple[Difference, ...]) -> str:
    def told(values: list[float], who: str) -> str:
        known = [abs(v) for v in values if not math.isnan(v)]
        above = sum(v > THRESHOLD for v in known)
        most = decimal(max(known, default=math.nan))
        return f"{who}: largest |SMD| {most}, {above} of {len(known)} above {THRESHOLD:g}."

    matched, weighted = _compared(results)
    said = [told([row.before for row in rows], "Before")]
    if has_matched(rows):
        said.append(told([row.matched for row in rows], population_label(results, matched)))
    if has_weighted(rows):
        said.append(told([row.weighted for row in rows], population_label(results, weighted)))
    return " ".join(said)


def _love_table(rows: tuple[Difference, ...]) -> Table:
    def cell(value: float) -> str:
        return "–" if math.isnan(value) else decimal(value, 3)

    header, columns = ["Column", "Before"], [[row.before for row in rows]]
    if has_matched(rows):
        header.append("Matched")
        columns.append([row.matched for row in rows])
    if has_weighted(rows):
        header.append("Weighted")
        columns.append([row.weighted for row in rows])
    told = (
        Row((row.label, *map(cell, values)))
        for row, values in zip(rows, zip(*columns, strict=True), strict=True)
    )
    return Table("Standardised mean differences", tuple(header), tuple(told))
