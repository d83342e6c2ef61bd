"""What one look at the machine or the network says: fine, doubtful, wrong, or not tried."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from protocol.errors import Exit, FederationError, ProblemsError

T = TypeVar("T")


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
    """Turn an error into a failed check, with the first of its problems and their number."""
    told, fix, code = str(error), error.fix, error.code
    if isinstance(error, ProblemsError) and error.problems:
        first, *others = error.problems
        told = f"{error.subject}: {first}"
        if others:
            told += f"; and {len(others)} more"
        fix = first.fix
    exit_ = error.exit if error.exit is not Exit.OK else Exit.CHECK_FAILED
    return fail(name, told, why, fix, code, exit_=exit_)
