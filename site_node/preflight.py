"""What `check` shows a hospital of its extract: columns, violations, units, who is in the study.

Row numbers appear only where they are asked for, and values of records never do. The quick look
is the hospital's own survival curve; it is text for the screen and in no file or message.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from protocol.cohort import Cohort, event_status, reasons
from protocol.disclosure import DisclosureError, check_hospital
from protocol.errors import Problem
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from site_node.data.check import Reading
from site_node.data.mapping_model import SiteMapping
from site_node.data.tally import Violation
from site_node.data.units import Suspicion
from site_node.forecast_site import SmallCell, small_cells
from site_node.quality import VariableQuality, odd_units, qualities
from site_node.terminal import table

_EFFECTS = {
    "refuse": "refuses the extract",
    "exclude": "excludes the patient",
    "complete-case": "leaves the patient out where the value is needed",
}


@dataclass(frozen=True)
class Preflight:
    """An extract held against a plan; without a cohort where the extract is refused."""

    plan: Plan
    reading: Reading
    cohort: Cohort | None
    mapping: SiteMapping = field(default_factory=SiteMapping)

    @property
    def variables(self) -> tuple[VariableQuality, ...]:
        """Count every variable's usable, missing and broken values."""
        return qualities(self.plan, self.mapping, self.reading)

    @property
    def units(self) -> tuple[Suspicion, ...]:
        """List the numbers that may be in another unit than the plan's."""
        return odd_units(self.plan, self.mapping, self.reading)

    @property
    def small(self) -> tuple[SmallCell, ...]:
        """Foretell small cells from this hospital's own counts."""
        return () if self.cohort is None else small_cells(self.plan, self.cohort)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps the hospital from taking part with this extract."""
        if self.cohort is None:
            return self.reading.problems
        if not self.cohort.size:
            rule = "no patient is left in the study"
            fix = "compare the counts above with the plan's arms and conditions"
            return (Problem("the study", rule, fix),)
        try:
            check_hospital(self.plan, self.cohort)
        except DisclosureError as error:
            return (Problem("the study", str(error), error.fix),)
        return ()

    @property
    def flow(self) -> tuple[tuple[str, int], ...]:
        """Count rows excluded, by reason."""
        if self.cohort is None:
            return ()
        return tuple(zip(reasons(self.plan), self.cohort.excluded, strict=True))

    @property
    def arms(self) -> tuple[tuple[str, int], ...]:
        """Count patients in the study, by the label of their arm."""
        if self.cohort is None:
            return ()
        treated = int(self.cohort.arm.sum())
        counts = treated, self.cohort.size - treated
        return tuple(zip(_labels(self.plan), counts, strict=True))


def _labels(plan: Plan) -> tuple[str, str]:
    return plan.treatment.treated_label, plan.treatment.comparator_label


def as_json(found: Preflight, *, rows: bool) -> dict[str, Any]:
    """Make a result for scripts, without the quick look."""
    return {
        "schema": "riskset-site:check/1",
        "extract": found.reading.subject,
        "rows": found.reading.extract.rows,
        "refused": bool(found.problems),
        "variables": [asdict(quality) for quality in found.variables],
        "units": [asdict(suspicion) for suspicion in found.units],
        "violations": [_violation(violation, rows) for violation in found.reading.counts],
        "excluded": [{"reason": reason, "count": count} for reason, count in found.flow],
        "arms": [{"arm": arm, "count": count} for arm, count in found.arms],
        "small_cells": [asdict(cell) for cell in found.small],
    }


def as_text(found: Preflight, *, rows: bool) -> str:
    """Write all that a hospital wants to see before it takes part."""
    read = f"{found.reading.subject}: {found.reading.extract.rows:,} rows"
    parts = [f"{read}, held against the plan of {found.plan.study.id}"]
    parts.append(_columns(found.variables))
    parts.append(_violations(found.reading.counts, rows))
    if found.units:
        parts.append(_units(found.units))
    if found.cohort is not None:
        parts.append(table(("Excluded because", "patients"), found.flow))
        parts.append(table(("In the study", "patients"), found.arms))
        if found.small:
            parts += _small(found.plan, found.small)
        parts += quick_look(found.plan, found.cohort)
    return "\n\n".join(parts)


def _violation(violation: Violation, rows: bool) -> dict[str, Any]:
    shown = {
        "variable": violation.variable,
        "rule": violation.rule,
        "count": violation.count,
        "effect": violation.effect,
    }
    return {**shown, "first_rows": list(violation.rows)} if rows else shown


def _columns(variables: tuple[VariableQuality, ...]) -> str:
    header = ("Variable", "column", "usable", "missing", "against the rules")
    return table(header, [(v.variable, v.column, v.usable, v.missing, v.broken) for v in variables])


def _units(suspicions: tuple[Suspicion, ...]) -> str:
    """Write odd units, with the line of the mapping file that would mend each."""
    lines = [
        (s.variable, s.words, f"{s.variable} = {s.factor:.6g}" if s.factor else "-")
        for s in suspicions
    ]
    return table(("Unit to look at", "why", "if so, under [units] of the mapping"), lines)


def _small(plan: Plan, cells: tuple[SmallCell, ...]) -> Iterator[str]:
    """Write the small cells of this hospital."""
    yield (
        f"Few patients here: profile `{plan.disclosure.profile}` asks for more in the sum over all "
        f"hospitals. That keeps nobody out, and these counts never leave this screen."
    )
    header = ("Group", "arm", "here", "asked for", "rule")
    yield table(header, [(c.what, c.arm or "both", c.count, c.floor, c.rule) for c in cells])


def _violations(counts: tuple[Violation, ...], rows: bool) -> str:
    if not counts:
        return "Every value fits the plan's dictionary."
    header = ("Variable", "rule", "rows", "the plan", *(["first rows"] if rows else []))
    lines: list[tuple[str | int, ...]] = [
        (v.variable, v.rule, v.count, _EFFECTS[v.effect], *_row_list(v, rows)) for v in counts
    ]
    shown = table(header, lines)
    return shown if rows else f"{shown}\nFor the numbers of the rows, add --rows."


def _row_list(violation: Violation, rows: bool) -> tuple[str, ...]:
    return (", ".join(map(str, violation.rows)),) if rows else ()


def quick_look(plan: Plan, cohort: Cohort) -> Iterator[str]:
    """Write the hospital's own Kaplan-Meier survival at the landmarks, arm by arm.

    Endpoints with competing causes are left out: this estimator would treat those as censorings.
    """
    endpoints = [e for e in plan.survival if e.landmarks and not e.competing]
    if endpoints and cohort.size:
        yield "Quick look at this hospital's patients alone; it never leaves this screen."
    for endpoint in endpoints:
        header = (endpoint.label, *(f"{t} {plan.study.time_unit}s" for t in endpoint.landmarks))
        arms = zip((1, 0), _labels(plan), strict=True)
        yield table(header, [(name, *_survival(plan, cohort, endpoint, arm)) for arm, name in arms])


def _survival(plan: Plan, cohort: Cohort, endpoint: TimeToEvent, arm: int) -> list[str]:
    """Write survival of one arm at the landmarks; a dash where nobody is followed so long."""
    # Only here: loading it takes longer than all the rest of the command.
    from lifelines import KaplanMeierFitter  # noqa: PLC0415

    time, status = event_status(plan, endpoint, cohort)
    followed = (cohort.arm == arm) & (status >= 0)
    if not followed.any():
        return ["-"] * len(endpoint.landmarks)
    curve = KaplanMeierFitter().fit(time[followed], event_observed=status[followed] == 1)
    last = int(time[followed].max())
    survival = curve.survival_function_at_times(list(endpoint.landmarks))
    return [
        f"{100 * share:.0f} %" if landmark <= last else "-"
        for landmark, share in zip(endpoint.landmarks, survival, strict=True)
    ]
