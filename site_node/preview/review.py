"""What of a plan asks for a second look before it is approved: by its rules, and on own rows."""

from collections.abc import Iterator

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.disclosure_site import NAMED_UP_TO, Tighter, Verdict
from protocol.plan.model import Plan
from site_node.preview.items import items
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

    `seed` is 32 random bytes. The smallest group is told in words, and as a number with `counts`.

    Raises
    ------
    FederationError
        If this hospital's numbers do not fit the plan's layouts.
    """
    return tuple(_of_rehearsal(rehearse(plan, cohort, seed, own), counts=counts))


def _of_plan(plan: Plan) -> Iterator[str]:
    floor = rules(plan).difference_floor
    if floor < FEW:  # below what other profiles ask for
        yield f"groups of {floor} to {NAMED_UP_TO} patients may tell two released populations apart"
    for variable in plan.variables:
        if getattr(variable, "quartiles", "") == "exact":
            yield f"exact quartiles of {variable.label}: values of single patients"


def _of_rehearsal(found: Rehearsal, *, counts: bool) -> Iterator[str]:
    for item in items(found):
        if item.verdict is not Verdict.PASS:
            group = _group(item.smallest, counts=counts)
            yield f"item {item.number}, {item.what}: {item.verdict}, smallest group {group}"
    if found.named and counts:
        yield from (f"populations differ here by {group}" for group in found.named)
    elif found.named:
        yield f"populations differ here by groups of fewer than {FEW} patients"


def _group(smallest: int | None, *, counts: bool) -> str:
    if smallest is None:
        return "of nobody"
    return f"{smallest:,}" if counts or smallest >= FEW else f"fewer than {FEW}"
