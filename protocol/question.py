"""What a step is, what its sum shows, and the record of a study so far.

The contract between the program, the hospitals, the masks and the results; none of them needs to
know the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar

from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.layout import Layout, Release

L_co = TypeVar("L_co", covariant=True)
Key = tuple[int | str, ...]


class WithheldError(FederationError):
    """A step was to be built on a total that the profile withholds from hospitals."""

    code = "total-withheld"
    fix = "use profile `exact`, or leave the step out of the plan"


@dataclass(frozen=True)
class Opened:
    """The sum over all hospitals of one step.

    `sums` has int64 arrays for counts and float64 arrays for reals, in the layout's shapes;
    `patients` is the sum of the hospitals' cohort sizes, `flags` counts hospitals where a soft
    local rule fired, `statements` are public and signed.
    """

    sums: Mapping[str, NDArray[Any]]
    sites: tuple[SiteId, ...]
    patients: int
    flags: int
    statements: Mapping[SiteId, bytes]


class Step(Protocol[L_co]):
    """One question to every hospital, answered by the sum of what they send."""

    name: ClassVar[str]
    """Kind and version, such as "risk-table/1": enters keys and ledger."""
    partners_only: ClassVar[bool]
    """Whether the total is withheld from hospitals in profiles `standard` and `strict`."""

    def key(self) -> Key:
        """Tell this step from its likes, in whole numbers and names."""
        ...

    def layout(self) -> Layout:
        """Describe what leaves: words, shapes, units, bounds."""
        ...

    def local(self, cohort: Cohort) -> Release:
        """Compute what one hospital releases. Run by a hospital on its own rows."""
        ...

    def statement(self, cohort: Cohort) -> bytes:
        """Say something public and signed beside the masked numbers; nearly always b""."""
        ...

    def learn(self, opened: Opened) -> L_co:
        """Read the sum. Run by everyone, with the same result to the last bit."""
        ...


class Silent:
    """A step that says nothing in public beside its masked numbers, as nearly all do."""

    def statement(self, cohort: Cohort) -> bytes:  # noqa: ARG002
        """Say nothing."""
        return b""


AnyStep = Step[Any]


@dataclass(frozen=True, eq=False)
class Answer:
    """A step and its sum; `opened` is None where the total is withheld from the reader."""

    step: AnyStep
    opened: Opened | None

    @cached_property
    def learnt(self) -> Any:
        """What the sum says, worked out once."""
        if self.opened is None:
            raise WithheldError(f"the total of {self.step.name} is withheld from hospitals")
        return self.step.learn(self.opened)


class Record:
    """All answers of a study, found by the step's name and key, never by trip number."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = tuple(answers)
        self._found = {(a.step.name, a.step.key()): a for a in self.answers}

    def get(self, name: str, *key: int | str) -> Any:
        """Return what was learnt from a step; None if it was not asked or is withheld."""
        answer = self._found.get((name, key))
        return None if answer is None or answer.opened is None else answer.learnt

    def of(self, name: str) -> list[tuple[Key, Any]]:
        """Return key and learnt value of every step of that name, in the order asked."""
        return [
            (a.step.key(), a.learnt)
            for a in self.answers
            if a.step.name == name and a.opened is not None
        ]
