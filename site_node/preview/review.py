"""What of a plan asks for a second look before it is approved: by its rules, and on own rows."""

from collections.abc import Iterator

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.disclosure_site import NAMED_UP_TO, Tighter, Verdict, site_rules
from protocol.plan.model import Plan
from site_node.preview.items import Item, items
from site_node.preview.rehearsal import Rehearsal, rehearse

FEW = NAMED_UP_TO + 1
"""Groups below this are told in words, unless somebody asks for counts."""


def of_plan(plan: Plan) -> tuple[str, ...]:
    """Name what is to be reviewed as far as the plan alone tells, without a look at patients."""
    return tuple(_of_plan(plan))


def of_rows(
    plan: Plan, cohort: Cohort, seed: bytes, own: Tighter, *, counts: bool = False
) -> tuple[str, ...]:
    """Name what the preview marks `review` on this hospital's rows, or what would not leave.

    `seed` is 32 random bytes. How many patients a group has is told in words, and as a number with
    `counts`.

    Raises
    ------
    FederationError
        If this hospital's numbers do not fit the plan's layouts.
    """
    found = rehearse(plan, cohort, seed, own)
    low = site_rules(plan, own).difference_floor
    return (*_of_items(found, counts=counts), *_of_groups(found, low, counts=counts))


def _of_plan(plan: Plan) -> Iterator[str]:
    floor = rules(plan).difference_floor
    if floor < FEW:  # below what other profiles ask for
        yield f"groups of {floor} to {NAMED_UP_TO} patients may tell two released populations apart"
    for variable in plan.variables:
        if getattr(variable, "quartiles", "") == "exact":
            yield f"exact quartiles of {variable.label}: values of single patients"


def _of_items(found: Rehearsal, *, counts: bool) -> Iterator[str]:
    for item in items(found):
        if item.verdict is not Verdict.PASS:
            group = _group(item.smallest, counts=counts)
            said = f"{item.verdict}, smallest group {group} ({_rules(item)})"
            yield f"item {item.number}, {_short(item.what)}: {said}"


def _short(what: str) -> str:
    """Say what an item begins with; the preview says all of it."""
    first, *more = what.split("; ")
    return f"{first}; and {len(more)} more of this item" if more else first


def _rules(item: Item) -> str:
    found = (one.rule for one in item.judged if one.verdict is item.verdict)
    return ", ".join(dict.fromkeys(found))


def _of_groups(found: Rehearsal, low: int, *, counts: bool) -> Iterator[str]:
    """Name every group of `low` to 9 patients by which populations differ here (rule D)."""
    for group in found.named:
        number, _, who = group.partition(" ")
        size = number if counts else f"{low} to {NAMED_UP_TO}"
        yield f"populations differ here by {size} {who} (rule D)"


def _group(smallest: int | None, *, counts: bool) -> str:
    if smallest is None:
        return "of nobody"
    if counts:
        return f"{smallest:,}"
    return f"{FEW} or more" if smallest >= FEW else f"fewer than {FEW}"
