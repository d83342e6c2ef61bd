"""The model of who is treated, and how far the arms overlap by its score."""

import math

from coordinator.report.blocks import Block, Figure, More, Row, Section, Table, Text
from coordinator.report.figures.overlap import MOST_BARS, merged, overlap
from coordinator.report.wording import count, decimal, interval, p_phrase, p_value
from protocol.results.model import Results
from protocol.results.values.estimates import Test
from protocol.results.values.propensity import Histogram, Propensity


def propensity_section(results: Results) -> Section:
    """Tell the model of who is treated, and draw how far the scores overlap."""
    model = results.propensity
    if model is None:
        told = "The plan has no propensity model: the arms are compared as they are."
        return Section("propensity", "Propensity score", (Text((told,)),))
    if model.stopped:
        told = f"There is no propensity score: {model.stopped}."
        return Section("propensity", "Propensity score", (Text((told,)), *_dropped(model)))
    blocks: list[Block] = [Text((_model_sentence(model), *_hospital_sentences(results, model)))]
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


def _hospital_sentences(results: Results, model: Propensity) -> list[str]:
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
            f"own beyond the covariates; {_allow_for_it(results)}."
        )
    return said


def _allow_for_it(results: Results) -> str:
    if any(design.method == "within-hospital" and not design.reason for design in results.designs):
        return "the analyses stratified by hospital and the matching within hospitals allow for it"
    return "the analyses stratified by hospital allow for it"


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
            f"Patients with complete covariates by propensity score (n = {count(sum(n))}). Bars "
            f"are neighbouring bins of the logit, merged to at most {MOST_BARS}."
        ),
        table=Table("Patients by score", ("Probability", arms.treated, arms.comparator), rows),
    )


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
