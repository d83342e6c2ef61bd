"""Which page of docs/methods tells of which method, and which ones a report names.

A page says what leaves each hospital for the method, its formula, convention and source, what it
assumes and when not to use it.
"""

from collections.abc import Iterator, Mapping

from coordinator.report.blocks import Block, Terms, Text
from coordinator.report.estimates import estimates
from protocol.grid import MONTHS
from protocol.results.model import Results

FOLDER = "docs/methods"

PAGES: Mapping[str, str] = {
    "table-1": "Table 1 and its tests",
    "missing-data": "Missing values",
    "propensity": "Propensity score",
    "quota-matching": "Matching across hospitals",
    "within-hospital-matching": "Matching within each hospital",
    "weighting": "Propensity score weights",
    "balance": "Balance",
    "kaplan-meier": "Survival curves",
    "log-rank": "Log-rank tests",
    "levels": "Tests between levels",
    "cox": "Hazard ratios",
    "adjusted": "Adjusted hazard ratios",
    "stratification": "Strata of the score",
    "hospitals-agree": "Do hospitals agree?",
    "pair-robust": "Pair-robust errors",
    "pairs": "Within matched pairs",
    "lotteries": "Other lotteries",
    "proportional-hazards": "Proportional hazards",
    "restricted-mean-time": "Restricted mean times",
    "competing-risks": "Competing risks",
    "risks": "Risks of outcomes without a time",
    "doubly-robust": "Doubly robust risks",
    "negative-controls": "Negative controls",
    "time-grids": "Coarser time grids",
    "e-value": "E-values",
    "imputation": "Multiple imputation",
    "subgroups": "Subgroups",
}
"""Pages in the order of a report, with what the report calls them."""

TERMS: Mapping[str, str] = {
    "hazard ratio": "cox",
    "log-rank test": "log-rank",
    "proportional hazards": "proportional-hazards",
    "survival": "kaplan-meier",
    "survival difference": "kaplan-meier",
    "quantile": "kaplan-meier",
    "median follow-up": "kaplan-meier",
    "restricted mean time": "restricted-mean-time",
    "E-value": "e-value",
    "cumulative incidence": "competing-risks",
    "Gray's test": "competing-risks",
    "cause-specific hazard ratio": "competing-risks",
    "subdistribution hazard ratio": "competing-risks",
    "risk": "risks",
    "risk difference": "risks",
    "risk ratio": "risks",
    "odds ratio": "risks",
    "chi-square test": "risks",
    "Fisher's exact test": "risks",
    "heterogeneity test": "hospitals-agree",
    "inconsistency": "hospitals-agree",
    "variance between hospitals": "hospitals-agree",
    "covariate hazard ratio": "adjusted",
    "discordant pairs": "pairs",
    "McNemar's test": "pairs",
    "Rosenbaum's bound": "pairs",
    "lottery SD of the log hazard ratio": "lotteries",
    "interaction test": "subgroups",
    "test of levels": "levels",
    "trend over levels": "levels",
}
"""The page of every term of estimates.csv; methods of their own stand in `METHODS`."""

METHODS: Mapping[str, str] = {
    "efron pair-robust": "pair-robust",
    "efron by pair": "pairs",
    "log-rank by pair": "pairs",
    "other lotteries": "lotteries",
    "fixed effect": "hospitals-agree",
    "random effects": "hospitals-agree",
    "leave one out": "hospitals-agree",
    "efron adjusted by hospital": "adjusted",
    "efron by score": "stratification",
    "efron by score robust": "stratification",
    "log-rank by score": "stratification",
    "standardised by score": "stratification",
    "Mantel-Haenszel by score": "stratification",
    "Mantel-Haenszel by hospital": "hospitals-agree",
    "efron stacked": "weighting",
    "breslow stacked": "weighting",
    "doubly robust": "doubly-robust",
    "pooled-quota": "quota-matching",
    "within-hospital": "within-hospital-matching",
}
"""The page of a method that has one, by its name in the results."""


def page_of(term: str, method: str = "") -> str:
    """Name the page of an estimate; a method's own page stands before its term's.

    Raises
    ------
    KeyError
        If there is none: every method that a report can name has a page.
    """
    if any(method.endswith(f"by {grid}") for grid in MONTHS):
        return "time-grids"
    return METHODS.get(method) or TERMS[term]


def pages_of(results: Results) -> tuple[str, ...]:
    """Name the pages of all methods that this study used, in the report's order."""
    used = {*_people(results), *_outcomes(results)}
    return tuple(page for page in PAGES if page in used)


def pages_blocks(results: Results) -> tuple[Block, ...]:
    """Name the pages in the report."""
    told = "What leaves each hospital for a method, its formula, conventions, sources and limits:"
    rows = tuple((PAGES[page], f"{FOLDER}/{page}.md") for page in pages_of(results))
    return (Text((told,)), Terms(rows, code=True)) if rows else ()


def _people(results: Results) -> Iterator[str]:
    """Name the pages on who was compared and how arms were made comparable."""
    if results.table_one:
        yield "table-1"
    if results.flow.missing:
        yield "missing-data"
    if results.propensity is not None:
        yield "propensity"
    for design in results.designs:
        yield METHODS[design.method]
    if any(card.effective for card in results.populations):
        yield "weighting"
    if results.balance:
        yield "balance"
    if results.imputation is not None:
        yield "imputation"


def _outcomes(results: Results) -> Iterator[str]:
    table = estimates(results)
    term, method, level = (table.header.index(name) for name in ("term", "method", "level"))
    for row in table.rows:
        yield page_of(str(row[term]), str(row[method]))
        if row[level]:
            yield "subgroups"
    if results.negative_controls:
        yield "negative-controls"
