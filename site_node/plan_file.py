"""Reads a plan's file."""

from pathlib import Path

from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Plan
from protocol.plan.read import MAX_BYTES, plan_text, read_plan


def read_plan_file(path: Path, fix: str = "give the path of the study's plan") -> Plan:
    """Read a plan, and no more of a file than a plan may have.

    Raises
    ------
    ProblemsError
        If the file cannot be read or holds no plan.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        raise ProblemsError(str(path), [Problem("the file", "cannot be read", fix)]) from None
    return read_plan(plan_text(raw, str(path)), str(path))
