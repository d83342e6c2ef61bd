"""Reads a plan's file."""

from pathlib import Path

from protocol.plan.model import Plan
from protocol.plan.read import MAX_BYTES, plan_text, read_plan


def read_plan_file(path: Path) -> Plan:
    """Read a plan, and no more of a file than a plan may have.

    Raises
    ------
    OSError
        If the file cannot be read.
    ProblemsError
        If it holds no plan.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    return read_plan(plan_text(raw, str(path)), str(path))
