"""What one look at the machine or the network says: fine, doubtful, wrong, or not tried."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from protocol.errors import Exit, FederationError, ProblemsError

T = TypeVar("T")

MOST_PROBLEMS = 4
"""A file with more of them is better looked at by the command that reads it."""


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Check:
    """One line of the report.

    `told` is what was found, `why` what it means, `fix` what to do; `code` is stable and meant
    for scripts. `exit` is the status of a command that ends with this check as its worst.
    """

    name: str
    status: Status
    told: str
    why: str = ""
    fix: str = ""
    code: str = ""
    exit: Exit = Exit.OK


@dataclass(frozen=True)
class Found(Generic[T]):
    """A check, and what later ones need of it; nothing where it failed."""

    check: Check
    value: T | None = None


def ok(name: str, told: str) -> Check:
    """Say that all is well."""
    return Check(name, Status.OK, told)


def warn(name: str, told: str, why: str, fix: str, code: str) -> Check:
    """Say what works today and may not tomorrow."""
    return Check(name, Status.WARN, told, why, fix, code)


def fail(
    name: str, told: str, why: str, fix: str, code: str, *, exit_: Exit = Exit.CHECK_FAILED
) -> Check:
    """Say what keeps the hospital from taking part."""
    return Check(name, Status.FAIL, told, why, fix, code, exit_)


def not_tried(name: str, because: str) -> Check:
    """Say why nothing was looked at."""
    return Check(name, Status.NOT_TRIED, f"not tried, because {because}")


def refused(name: str, error: FederationError, why: str) -> Check:
    """Turn an error into a failed check, with the first of its problems."""
    told, fix = str(error), error.fix
    if isinstance(error, ProblemsError):
        told, fix = _problems(error)
    exit_ = error.exit if error.exit is not Exit.OK else Exit.CHECK_FAILED
    return fail(name, told, why, fix, error.code, exit_=exit_)


def _problems(error: ProblemsError) -> tuple[str, str]:
    """Say the first problems of a file as what was found, and as what to do."""
    shown = error.problems[:MOST_PROBLEMS]
    found = [p.rule if p.where == "the file" else f"{p.where} {p.rule}" for p in shown]
    if more := len(error.problems) - len(shown):
        found.append(f"and {more} more")
    return f"{error.subject}: {'; '.join(found)}", "; ".join(dict.fromkeys(p.fix for p in shown))
