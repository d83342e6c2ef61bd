"""What can go wrong between the parties, each as a sentence to a person.

A caller's slip is a `ValueError`. What others send, what a file holds or what a rule refuses is a
`FederationError`: it names the rule and the place, never a value from a patient's record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit statuses of the commands, so that a script can tell a refusal from a fault."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    NOT_APPROVED = 3
    UNREACHABLE = 4
    DISCLOSURE = 5
    TAMPERING = 6


class FederationError(Exception):
    """Something another party, a file or a rule is the cause of.

    `code` is stable and meant for scripts; `fix` says what to do next.
    """

    code: ClassVar[str] = "federation"
    exit: ClassVar[Exit] = Exit.CHECK_FAILED
    fix: str = ""

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        if fix is not None:
            self.fix = fix


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file: where, which rule it breaks, how to mend it."""

    where: str
    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}"


class ProblemsError(FederationError):
    """Everything wrong with a file at once, so that it is mended in one go."""

    code = "invalid-input"

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{subject}: {count}\n" + "\n".join(f"  {p}" for p in self.problems))
