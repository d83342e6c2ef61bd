"""The statement that goes with a publication: what left, what bound it, what is hidden (P6, P7)."""

from collections import Counter
from collections.abc import Iterator

from protocol.results.model import Results
from protocol.results.publication.cells import Hidden
from protocol.results.publication.rules import Floors, floors

FEW_EVENTS = 10
"""Events for each parameter below which a model is warned of: Peduzzi et al. (1995)."""

_NAMES = {
    "excluded": "exclusions",
    "missing": "missing values",
    "level": "levels of Table 1",
    "absent": "missing values in Table 1",
    "outcome": "outcomes",
    "cause": "causes of an outcome",
    "stratum": "strata of the score",
    "odds": "outcomes within strata",
    "incomplete": "patients missing a covariate",
    "pairs": "pairs by whose event it was",
    "first": "pairs by who has the event first",
}


def statement(
    results: Results, bound: Floors, hidden: Hidden, *, compared: bool
) -> tuple[str, ...]:
    """Write the statement, a sentence each."""
    return (
        *_left(results),
        *_rules(results, bound, compared=compared),
        *_hidden(hidden),
        *_warnings(results),
    )


def _left(results: Results) -> Iterator[str]:
    numbers = sum(one.numbers for one in results.leaving)
    trips = max((one.trip for one in results.leaving), default=0)
    hospitals = len(results.study.hospitals)
    yield (
        f"Each of {hospitals} hospitals sent {numbers:,} masked numbers in {trips} trips; no "
        "patient's row, identifier or date left one. Nothing here is of a single hospital."
    )


def _rules(results: Results, bound: Floors, *, compared: bool) -> Iterator[str]:
    if bound.count <= 1:
        yield f"Profile “{results.study.profile}” has no floors: nothing had to be hidden."
    else:
        yield (
            f"{_by(results, 'count', bound.count)} counts of 1 to {bound.count - 1} patients are "
            "told in words, and so are counts that would give them away by subtraction; estimates "
            "that rest on them are not shown. Zeros are shown."
        )
        yield (
            f"{_by(results, 'at_risk', bound.at_risk)} curves end where fewer than {bound.at_risk} "
            "are at risk in an arm, every step is of "
            "several events and is drawn when the last of them has happened, and numbers at risk "
            "are those at the beginning of a step. Landmarks are the plan's own and exact."
        )
    if bound.rounded_to > 1:
        yield f"Counts of patients are rounded to multiples of {bound.rounded_to}."
    yield f"Estimates, intervals and P values have {bound.digits} significant digits."
    yield (
        "By how much whole populations may differ was decided by rule D before outcomes were seen, "
        "so their sizes are shown. Rounded shares of few patients can still be narrowed down: what "
        "is hidden does not follow by subtraction, which is all that is promised."
    )
    if compared:
        yield "Counts that differ by a few patients from an earlier edition are not shown."


def _by(results: Results, row: str, value: int) -> str:
    """Name who bound: the profile, or whoever publishes and asked for more."""
    profile = f"profile “{results.study.profile}”"
    own = getattr(floors(results.study.profile), row)
    if value == own:
        return f"By {profile}"
    return f"By the wish of who publishes, which is stricter than the {own} of {profile},"


def _hidden(hidden: Hidden) -> Iterator[str]:
    kinds = Counter(cell[0] for cell in hidden.cells)
    if not kinds:
        yield "No count had to be hidden."
        return
    told = ", ".join(f"{_NAMES[kind]} ({n})" for kind, n in sorted(kinds.items()))
    yield f"Hidden counts: {told}."


def _warnings(results: Results) -> Iterator[str]:
    model = results.propensity
    if model is not None and not model.stopped:
        terms = max(1, len(model.coefficients) - 1)
        smaller = min(model.treated, model.patients - model.treated)
        if smaller < FEW_EVENTS * terms:
            yield (
                f"The propensity model has fewer than {FEW_EVENTS} patients of the smaller arm for "
                "each of its columns: read it with care."
            )
    for found in results.adjusted:
        if found.terms and found.events < FEW_EVENTS * len(found.terms):
            yield (
                f"The adjusted model of {found.label} has fewer than {FEW_EVENTS} events for each "
                "of its columns: read it with care."
            )
