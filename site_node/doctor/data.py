"""Looks at the plans that a hospital lists, and whether its extract's header fits each of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from protocol.errors import Exit, FederationError, Problem, ProblemsError
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.words import handle
from site_node.config import PlanFiles
from site_node.data.header import choose_columns
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping
from site_node.data.source import read_blocks
from site_node.doctor.check import Check, Found, fail, not_tried, ok, refused, warn
from site_node.plan_file import read_plan_file

PLAN, SOURCE = "Plan", "Data source"

HEAD_BYTES = 1 << 16
"""How much of the extract is looked at; `riskset-site check` reads all of it."""


def data_checks(plans: Sequence[PlanFiles]) -> Iterator[Check]:
    """Look at every listed plan, and at the extract as it would be read for it."""
    if not plans:
        yield _no_plan()
    for listed in plans:
        found = listed_plan(listed)
        yield found.check
        if found.value is None:
            yield not_tried(SOURCE, f"of {listed.file.name} above")
        else:
            yield source(listed.extract, listed.mapping, found.value)


def listed_plan(listed: PlanFiles) -> Found[Plan]:
    """Read a plan, and hold it against the digest that the hospital approved."""
    try:
        plan = _read(listed.file)
    except FederationError as error:
        return Found(refused(PLAN, error, "The node answers no question of a plan it cannot read."))
    digest = plan_digest(plan)
    if digest != listed.digest:
        return Found(_other_plan(listed, digest))
    return Found(ok(PLAN, f"{plan.study.id}: {handle(digest)}"), plan)


def source(extract: Path, mapping: Path | None, plan: Plan) -> Check:
    """Open the extract and look whether its header has the columns that a plan needs.

    No row is judged and none is shown.
    """
    subject = str(extract)
    try:
        names = read_mapping(mapping, plan) if mapping else SiteMapping()
        blocks = read_blocks(
            extract,
            lambda header: choose_columns(subject, header, plan, names),
            block_bytes=HEAD_BYTES,
            dialect=names.dialect,
        )
        next(blocks, None)
    except FederationError as error:
        return refused(SOURCE, error, f"The node could not take part in {plan.study.id}.")
    except OSError:
        problem = Problem("the file", "cannot be read to its end", "look at the disk it lies on")
        return refused(SOURCE, ProblemsError(subject, [problem]), "The node reads it at its start.")
    return ok(SOURCE, f"{extract.name} has the columns of {plan.study.id}")


def _read(path: Path) -> Plan:
    try:
        return read_plan_file(path)
    except OSError:
        problem = Problem("the file", "cannot be read", "give the path of the study's plan")
        raise ProblemsError(str(path), [problem]) from None


def _no_plan() -> Check:
    return warn(
        PLAN,
        "none is listed",
        "The node answers only for plans that the hospital has approved by their digest.",
        "list the study under [[plans]] in the settings, with its file and its digest",
        "no-plan",
    )


def _other_plan(listed: PlanFiles, digest: bytes) -> Check:
    return fail(
        PLAN,
        f"{listed.file} is {handle(digest)}, not the plan that was approved",
        "The file was changed after the approval, or is another version.",
        f"restore the approved file; or read this one, and if it is right write its digest: "
        f'digest = "{digest.hex()}"',
        "plan-digest",
        exit_=Exit.NOT_APPROVED,
    )
