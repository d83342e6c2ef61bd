"""How the arms were made comparable: the propensity model, overlap, designs and balance."""

import math

from coordinator.report.blocks import Block, Figure, More, Row, Section, Table, Text
from coordinator.report.choice import main_population, population_label
from coordinator.report.figures.love import THRESHOLD, Difference, differences, love
from coordinator.report.figures.overlap import MOST_BARS, merged, overlap
from coordinator.report.wording import count, decimal, interval, p_phrase, p_value
from protocol.results.model import BalanceRow, Histogram, MatchedDesign, Propensity, Results, Test


def propensity_section(results: Results) -> Section:
    """Tell the model of who is treated, and draw how far the scores overlap."""
    model = results.propensity
    if model is None:
        told = "The plan has no propensity model: the arms are compared as they are."
        return Section("propensity", "Propensity score", (Text((told,)),))
    if model.stopped:
        told = f"There is no propensity score: {model.stopped}."
        return Section("propensity", "Propensity score", (Text((told,)), *_dropped(model)))
    blocks: list[Block] = [Text((_model_sentence(model), *_hospital_sentences(model)))]
    if results.overlap is not None and len(results.overlap.edges) > 1:
        blocks.append(_overlap_figure(results, results.overlap))
    blocks += [More("Coefficients of the propensity model", (_coefficients(model),))]
    blocks += _dropped(model)
    return Section("propensity", "Propensity score", tuple(blocks))


def _model_sentence(model: Propensity) -> str:
    penalty = "" if model.penalty in ("", "none") else f" with a {model.penalty} penalty"
    terms = len(model.coefficients) - 1
    return (
        f"One logistic model{penalty} of {terms} columns was fitted to {count(model.patients)} "
        f"patients, {count(model.treated)} of them treated, from sums over all hospitals in "
        f"{model.trips} trips. Its c-statistic is {decimal(model.c_statistic)}, and the SD of the "
        f"logit score {decimal(model.logit_sd)}."
    )


def _hospital_sentences(model: Propensity) -> list[str]:
    said = []
    if model.heterogeneity is not None:
        said.append(
            f"Coefficients that hospitals fitted alone ({model.local_fits} of them) differ no more "
            f"than chance allows if P is not small: {_test(model.heterogeneity)} (Cochran's Q)."
        )
    if model.preference is not None:
        said.append(
            "Whether hospitals treat as many patients as the pooled model predicts for theirs: "
            f"{_test(model.preference)}. A small P says that hospitals have a preference of their "
            "own beyond the covariates; the analyses stratified by hospital and the matching "
            "within hospitals allow for it."
        )
    return said


def _test(test: Test) -> str:
    return f"χ² = {decimal(test.statistic, 1)} on {test.df:g} df, {p_phrase(test.p_value)}"


def _coefficients(model: Propensity) -> Table:
    rows = tuple(
        Row(
            (
                c.label,
                interval(c.estimate, c.conf_low, c.conf_high, 3),
                interval(_exp(c.estimate), _exp(c.conf_low), _exp(c.conf_high)),
                p_value(c.p_value),
            )
        )
        for c in model.coefficients
    )
    header = ("Column", "Log odds (95 % CI)", "Odds ratio (95 % CI)", "P")
    note = f"n = {count(model.patients)}. Per unit of the variable; levels against their reference."
    return Table("Propensity model", header, rows, notes=(note,))


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _dropped(model: Propensity) -> list[Block]:
    if not model.dropped:
        return []
    rows = tuple(Row((one.column, one.reason)) for one in model.dropped)
    caption = "Columns that the model does not hold"
    return [Table(caption, ("Column", "Why"), rows, words=(0, 1))]


def _overlap_figure(results: Results, histogram: Histogram) -> Figure:
    arms, shown = results.study.arms, merged(histogram)
    rows = tuple(
        Row(
            (
                f"{decimal(_share(low), 3)} to {decimal(_share(high), 3)}",
                count(shown.patients.treated[k]),
                count(shown.patients.comparator[k]),
            )
        )
        for k, (low, high) in enumerate(zip(shown.edges[:-1], shown.edges[1:], strict=True))
    )
    n = [sum(shown.patients.treated), sum(shown.patients.comparator)]
    return Figure(
        name="overlap-figure",
        title="Overlap of the propensity scores",
        svg=overlap(histogram, arms).svg(),
        alt=(
            f"Mirrored histogram of propensity scores: {count(n[0])} patients with {arms.treated} "
            f"upwards, {count(n[1])} with {arms.comparator} downwards."
        ),
        caption=(
            f"Patients by propensity score, before matching (n = {count(sum(n))}). Bars are "
            f"neighbouring bins of the logit, merged to at most {MOST_BARS}."
        ),
        table=Table("Patients by score", ("Probability", arms.treated, arms.comparator), rows),
    )


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def balance_section(results: Results) -> Section:
    """Say how each matched population came about and how well it balances."""
    blocks: list[Block] = []
    if results.designs:
        blocks.append(_designs(results))
    if figure := _love_figure(results):
        blocks.append(figure)
    if not blocks:
        blocks.append(Text(("The plan has no matching and no covariates to balance.",)))
    return Section("balance", "Matching and balance", tuple(blocks))


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
        f"{decimal(design.caliper_sd)} SD\n{decimal(design.caliper, 3)} on the logit",
        f"n = {count(n.treated)}\n{count(left.treated)} not matched",
        f"n = {count(n.comparator)}\n{count(left.comparator)} not matched",
        worst,
    )


def _worst(rows: tuple[BalanceRow, ...]) -> str:
    known = [row for row in rows if not math.isnan(row.smd)]
    if not known:
        return "–"
    worst = max(known, key=lambda row: abs(row.smd))
    return f"{decimal(abs(worst.smd))}\n{worst.label}"


def _love_figure(results: Results) -> Figure | None:
    main = main_population(results)
    names = list(dict.fromkeys(row.population for row in results.balance))
    if not names:
        return None
    before = tuple(row for row in results.balance if row.population == names[0])
    name = main.name if main and main.name != names[0] else ""
    after = tuple(row for row in results.balance if row.population == name)
    rows = differences(before, after)
    label = population_label(results, name) if after else ""
    return Figure(
        name="love-figure",
        title="Balance of the covariates",
        svg=love(rows).svg(),
        alt=f"Standardised mean differences of {len(rows)} columns. {_headline(rows, label)}",
        caption=(
            f"{_headline(rows, label)} Standardised by the SD before matching. Hollow circles: "
            "all patients with complete covariates; squares: after matching."
        ),
        table=_love_table(rows),
    )


def _headline(rows: tuple[Difference, ...], label: str) -> str:
    def told(values: list[float], who: str) -> str:
        known = [abs(v) for v in values if not math.isnan(v)]
        above = sum(v > THRESHOLD for v in known)
        most = decimal(max(known, default=math.nan))
        return f"{who}: largest |SMD| {most}, {above} of {len(known)} above {THRESHOLD:g}."

    said = told([row.before for row in rows], "Before")
    return f"{said} {told([row.after for row in rows], label)}" if label else said


def _love_table(rows: tuple[Difference, ...]) -> Table:
    def cell(value: float) -> str:
        return "–" if math.isnan(value) else decimal(value, 3)

    told = tuple(Row((row.label, cell(row.before), cell(row.after))) for row in rows)
    return Table("Standardised mean differences", ("Column", "Before", "After"), told)
