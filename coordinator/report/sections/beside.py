"""What the methods say of analyses beside the main comparison: each only where it was made."""

from collections.abc import Iterator

from coordinator.report.sections.checks import BY_HOSPITAL, TESTS, further_tests
from coordinator.report.sections.references import Cited
from coordinator.report.wording import list_of
from protocol.results.model import Results

CITED = {"gehan": "gehan", "tarone-ware": "tarone", "peto": "peto", "fleming": "harrington"}
"""The reference of each further test, by the beginning of its name or all of it."""


def beside(results: Results, cite: Cited) -> list[str]:
    """Say how the arms were compared in other ways, and whether hospitals were asked to agree."""
    told = (_tests, _strata, _hospitals)
    said = " ".join([*_grid(results), *(one for tell in told for one in tell(results, cite))])
    return [said] if said else []


GRIDS = {"standard": ("month", "; of weighted patients by quarter"), "strict": ("quarter", "")}
"""The cells of the time grid by profile, where they are coarser than the study's unit."""


def _grid(results: Results) -> Iterator[str]:
    """Say what a coarse time grid does to the numbers."""
    cell, more = GRIDS.get(results.study.profile, ("", ""))
    if cell and results.survival:
        yield (
            f"Times were counted by {cell}, at its end{more}. So survival between ends is read too "
            f"high by the events of up to a {cell}, medians and mean times are about half a {cell} "
            "too long in either arm and a gain in mean time somewhat too small; times of the plan "
            "that are ends are read there without such an error. With many events at one time "
            "Efron's hazard ratio hardly moves, and Breslow's is nearer to 1 than it should be."
        )


def _tests(results: Results, cite: Cited) -> Iterator[str]:
    names = [
        name
        for name in dict.fromkeys(name for one in results.survival for name in further_tests(one))
        if not name.endswith(BY_HOSPITAL)
    ]
    if names:
        keys = dict.fromkeys(
            key for name in names for start, key in CITED.items() if _begins(name, start)
        )
        told = list_of([f"{TESTS[name]}'s" for name in names])
        yield (
            f"Beside the log-rank test, hazards were compared by {told} weights, as the plan had "
            f"named{cite(*keys)}."
        )


def _begins(name: str, start: str) -> bool:
    return name.removeprefix("modified-").startswith(start)


def _strata(results: Results, cite: Cited) -> Iterator[str]:
    found = results.stratification
    if found is not None:
        yield (
            f"The arms were also compared within {len(found.strata)} strata of the score"
            f"{cite('cochran', 'strata')}, cut by its histogram before any outcome was seen: tests "
            "and hazard ratios with hazards of each stratum's own, and survival standardised to "
            "all patients."
        )
    if any(one.terms for one in results.adjusted):
        yield (
            "Hazard ratios adjusted for the covariates of the score are from Cox regression with "
            "hazards of each hospital's own, fitted to sums over hospitals."
        )


def _hospitals(results: Results, cite: Cited) -> Iterator[str]:
    if any(one.fixed for one in results.agreement):
        yield (
            "Whether hospitals agree was asked by sums of the hospitals' own log hazard ratios and "
            f"weights: Cochran's Q, I²{cite('higgins')}, and a mean of effects that vary"
            f"{cite('dersimonian')}. No hospital's own estimate was opened."
        )
    if any(one.left_out for one in results.agreement):
        yield (
            "Each hospital left itself out of the pooled tables; only the outermost steps of a "
            "scale of 5 % that any hazard ratio fell on were opened, not whose."
        )
    strata = list(results.odds_by_hospital)
    if results.stratification is not None:
        strata += results.stratification.odds
    if strata:
        within = list_of(list(dict.fromkeys(_WITHIN[one.strata] for one in strata)))
        yield (
            f"Odds ratios within {within} are Mantel and Haenszel's{cite('common-odds')} with "
            f"Robins, Breslow and Greenland's limits{cite('robins')}."
        )
    if any(one.intervals for one in results.binary):
        yield f"Limits of single risks are Wilson's{cite('wilson')}."


_WITHIN = {"hospital": "hospitals", "score": "strata of the score"}
