"""The rules as one hospital holds them against its own numbers, before each release.

The strictest of the plan, its profile and the hospital's own settings binds. A hospital can only
tighten: rows of the table that all parties replay alike bind by its refusing a looser plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import DisclosureError, Rules, require_patients, rules
from protocol.layout import Field, Layout, Release
from protocol.plan.model import Plan

GRIDS = ("unit", "month", "quarter")
"""Time grids, from the finest to the coarsest."""
NAMED_UP_TO = 9
"""The largest group that is named to whoever approves: larger ones are no longer about a few."""


@dataclass(frozen=True)
class Tighter:
    """What a hospital asks for beyond the profile, row by row of the table; None where it does not.

    The names are those of `protocol.disclosure.Rules`. In `bins_per_caliper` and `weight_digits`
    less is tighter, elsewhere more.
    """

    min_sites: int | None = None
    site_patients: int | None = None
    site_arm: int | None = None
    level_floor: int | None = None
    level_hospitals: int | None = None
    strata_hospitals: int | None = None
    fit_hospitals: int | None = None
    difference_floor: int | None = None
    bins_per_caliper: int | None = None
    grid_step: Literal["month", "quarter"] | None = None
    weight_digits: int | None = None
    subgroup_patients: int | None = None
    published_floor: int | None = None


OWN_ROWS = ("min_sites", "site_patients", "site_arm", "difference_floor", "published_floor")
"""Rows that a hospital can hold on its own; for the others it can only refuse a looser plan."""

LESS_IS_TIGHTER = ("bins_per_caliper", "weight_digits")

Binder = Literal["plan", "profile", "hospital"]


def strictest(demands: Rules, own: Tighter) -> Rules:
    """Take the tighter of two in every row."""
    wanted = {f.name: getattr(own, f.name) for f in fields(own)}
    changes: dict[str, Any] = {
        row: _tighter(row, getattr(demands, row), value)
        for row, value in wanted.items()
        if value is not None
    }
    return replace(demands, **changes)


def site_rules(plan: Plan, own: Tighter) -> Rules:
    """Say what binds at a hospital: the strictest of the plan, its profile and the hospital."""
    return strictest(strictest(rules(plan), Tighter(min_sites=plan.disclosure.min_sites)), own)


def bound_by(plan: Plan, own: Tighter) -> Mapping[str, Binder]:
    """Name who binds in each row of the table: the profile, unless plan or hospital are tighter."""
    profile = rules(plan)
    planned = strictest(profile, Tighter(min_sites=plan.disclosure.min_sites))
    whole = strictest(planned, own)
    found: dict[str, Binder] = {}
    for row in (f.name for f in fields(own)):
        if getattr(whole, row) != getattr(planned, row):
            found[row] = "hospital"
        else:
            found[row] = "plan" if getattr(planned, row) != getattr(profile, row) else "profile"
    return found


def require_plan(plan: Plan, own: Tighter) -> None:
    """Refuse a plan whose profile is looser than the hospital's settings where all play alike.

    Raises
    ------
    DisclosureError
        Naming the row, and what each of the two asks for.
    """
    demands, wanted = rules(plan), site_rules(plan, own)
    for row in (f.name for f in fields(own) if f.name not in OWN_ROWS):
        if getattr(wanted, row) != getattr(demands, row):
            raise DisclosureError(
                f"profile `{plan.disclosure.profile}` has {row} = {getattr(demands, row)}, and "
                f"this hospital's settings ask for {getattr(wanted, row)}",
                "have the plan signed with a tighter profile, or change [limits] in site.toml",
            )


def require_cohort(plan: Plan, cohort: Cohort, own: Tighter) -> None:
    """Refuse to take part with too few patients, in all or in an arm that there is (S1).

    Raises
    ------
    DisclosureError
        Naming the rule and who asked for it; it does not say how many there are.
    """
    demands, binds = site_rules(plan, own), bound_by(plan, own)
    profile = f"`{plan.disclosure.profile}`"
    asked = {row: profile if binds[row] == "profile" else "[limits] in site.toml" for row in binds}
    require_patients(plan, cohort, demands, asked["site_patients"], asked["site_arm"])


class Verdict(StrEnum):
    """What the rules say of a release: it passes, a person looks at it, or it does not leave."""

    PASS = "pass"  # noqa: S105 - no password
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True)
class Judged:
    """One field of a release: the smallest group behind any of its numbers, and what follows.

    `smallest` is None where no patient stands behind it. `floor` is the smallest group that
    `rule` lets pass without a look.
    """

    field: str
    verdict: Verdict
    rule: str
    smallest: int | None
    floor: int
    small: int

    @property
    def why(self) -> str:
        """Say the verdict in words; nothing for a pass."""
        match self.verdict:
            case Verdict.PASS:
                return ""
            case Verdict.REVIEW:
                cells = "1 number is" if self.small == 1 else f"{self.small:,} numbers are"
                return f"{cells} about fewer than {self.floor} patients here ({self.rule})"
            case Verdict.BLOCK:
                return f"the numbers would speak of a few patients: zeros leave ({self.rule})"


def judge(
    demands: Rules, step: str, layout: Layout, release: Release, patients: int
) -> tuple[Judged, ...]:
    """Hold the numbers of one release against the rules, field by field. Run by a hospital.

    `patients` are all that stand behind the release, where it counts nobody itself.

    The floors are on sums over all hospitals, so a smaller group at one of them is for a person
    to look at. What a step itself held back (S4) does not leave.
    """
    held_back = "refused" in release and int(np.asarray(release["refused"]).sum()) > 0
    return tuple(
        _judged(demands, step, field, _groups(field, release, patients), held_back=held_back)
        for field in layout.fields
    )


def verdict_of(found: tuple[Judged, ...]) -> Verdict:
    """Take the worst of several verdicts."""
    order = tuple(Verdict)
    return max((one.verdict for one in found), key=order.index, default=Verdict.PASS)


def groups_to_name(demands: Rules, groups: Mapping[str, int]) -> tuple[str, ...]:
    """Name the groups by which two populations differ by so few that an approver should know.

    `groups` counts patients by what sets them apart. Under `exact` these are groups of 3 to 9.
    """
    low, high = demands.difference_floor, NAMED_UP_TO
    return tuple(
        f"{number} patients {what}" for what, number in groups.items() if low <= number <= high
    )


def floor_of(demands: Rules, step: str, field: str) -> tuple[str, int]:
    """Say which rule a count is held against, and its floor: the largest that applies."""
    found = [("publication", demands.published_floor)]
    if step in ("atoms/1", "level-atoms/1"):
        found.append(("rule D", demands.difference_floor))
    if step == "level-sizes/1":
        found.append(("subgroups", demands.subgroup_patients))
    if step == "describe/1" and field == "levels":
        found.append(("rule S2", demands.level_floor))
    return max(found, key=lambda one: one[1])


def _judged(
    demands: Rules, step: str, field: Field, groups: NDArray[np.int64], *, held_back: bool
) -> Judged:
    smallest = int(groups.min()) if len(groups) else None
    if held_back and field.unit != "hospitals":
        return Judged(field.name, Verdict.BLOCK, "rule S4", smallest, 0, 0)
    rule, floor = floor_of(demands, step, field.name)
    small = int((groups < floor).sum())
    return Judged(
        field.name, Verdict.REVIEW if small else Verdict.PASS, rule, smallest, floor, small
    )


def _groups(field: Field, release: Release, patients: int) -> NDArray[np.int64]:
    """Count the patients behind the numbers of a field; zeros are nobody's.

    A count of patients counts them itself. Behind sums stand those whom the release counts as
    having a value, else as members, else whoever it counts, else all of `patients`.
    """
    if field.kind == "count":
        counted = [field.name] if field.unit == "patients" else []
    else:
        named = [name for name in ("known", "patients", "members") if name in release]
        counts = [n for n, values in release.items() if np.asarray(values).dtype.kind in "iu"]
        counted = named[:1] or [n for n in counts if n not in ("hospital", "hospitals", "refused")]
        if not counted:
            return np.array([patients] if patients else [], dtype=np.int64)
    flat = [np.asarray(release[name], dtype=np.int64).ravel() for name in counted]
    found = np.concatenate(flat) if flat else np.empty(0, dtype=np.int64)
    return found[found > 0]


def _tighter(row: str, one: int | str, other: int | str) -> int | str:
    if row == "grid_step":
        return max(one, other, key=lambda step: GRIDS.index(str(step)))
    if row == "weight_digits" and 0 in (one, other):  # none means all digits
        return max(int(one), int(other))
    choose = min if row in LESS_IS_TIGHTER else max
    return choose(int(one), int(other))
