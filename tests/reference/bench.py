"""Steps beyond a study's own, asked of a case's hospitals by the same code, sums and fixed point.

Some results are about one hospital, or about patients side by side; no study shows these. Here a
step may be asked of some of the hospitals, or of one that holds all rows.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from protocol.cohort import Cohort
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.play import Play
from protocol.question import Record, Step
from protocol.steps.population import Everybody, Population
from protocol.steps.risk_table import RiskTableStep
from tests.federation.cohorts import ask, pool, run_through

L = TypeVar("L")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Bench:
    """A plan and the hospitals that answer under it, by the names of the case."""

    plan: Plan
    names: tuple[str, ...]
    cohorts: tuple[Cohort, ...]

    def ask(self, step: Step[L]) -> L:
        """Ask all hospitals one step."""
        return ask(step, self.cohorts)

    def play(self, part: Play[T]) -> T:
        """Play a part of a study to its end."""
        return self.recorded(part)[0]

    def recorded(self, part: Play[T]) -> tuple[T, Record]:
        """Play a part of a study, and keep the record of its sums."""
        _, answers, found = run_through(part, self.cohorts)
        return found, Record([answer for trip in answers for answer in trip])

    def alone(self, name: str) -> "Bench":
        """Look at one hospital alone."""
        return self._those((name,))

    def without(self, name: str) -> "Bench":
        """Leave one hospital out."""
        return self._those(tuple(other for other in self.names if other != name))

    @cached_property
    def pooled(self) -> "Bench":
        """Put all rows into one hospital, for results about patients of several."""
        whole = pool(self.cohorts)
        bound = self.plan.disclosure.model_copy(update={"max_patients_per_hospital": whole.size})
        plan = self.plan.model_copy(update={"disclosure": bound})
        return Bench(plan, ("pooled",), (whole,))

    def table(self, endpoint: str, population: Population | None = None) -> RiskTableStep:
        """Lay out the risk table of an endpoint, of all patients by default."""
        found = next(e for e in self.plan.endpoints if e.name == endpoint)
        assert isinstance(found, TimeToEvent)
        return RiskTableStep(self.plan, found, population or Everybody())

    def _those(self, names: tuple[str, ...]) -> "Bench":
        by_name = dict(zip(self.names, self.cohorts, strict=True))
        return replace(self, names=names, cohorts=tuple(by_name[name] for name in names))
