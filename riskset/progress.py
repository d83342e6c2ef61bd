"""Shows how far a study is: a live list on a terminal, a plain line a stage when piped.

All of it goes to stderr, so that stdout holds nothing but the result.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from protocol.run import Asked
from riskset.terminal import console

STAGES = {
    "lock": "Lock every extract",
    "flow": "Count and describe patients",
    "describe": "Count and describe patients",
    "local-fit": "Fit the propensity model",
    "score": "Fit the propensity model",
    "categories": "Match by quota and lottery",
    "coin": "Toss the public coin",
    "overlap": "Match by quota and lottery",
    "slices": "Match by quota and lottery",
    "differences": "Match by quota and lottery",
    "atoms": "Count who is in which population",
    "unlock": "Unlock outcomes",
}
"""The stage of a trip by its first step; all others open outcomes."""

OUTCOMES = "Compare outcomes"


@dataclass
class _Stage:
    """One line: what is done, and what it took."""

    name: str
    detail: str = ""
    trips: int = 0
    numbers: int = 0
    done: bool = False

    @property
    def took(self) -> str:
        """Say what left each hospital in it."""
        if not self.trips:
            return self.detail
        trips = "1 trip" if self.trips == 1 else f"{self.trips} trips"
        return f"{trips}, {self.numbers:,} numbers from each hospital"


class Progress(AbstractContextManager["Progress"]):
    """The stages of a run, in the order in which they begin."""

    def __init__(self, *, quiet: bool) -> None:
        self._stages: list[_Stage] = []
        self._out: Console | None = None if quiet else console(error=True)
        self._live: Live | None = None

    def __enter__(self) -> "Progress":
        if self._out is not None and self._out.is_terminal:
            self._live = Live(console=self._out, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str) -> None:
        """Begin a stage that is no question to hospitals; the one before it is done."""
        if not self._stages or self._stages[-1].name != name:
            self._finish()
            self._stages.append(_Stage(name))
        self._show()

    def detail(self, text: str) -> None:
        """Say what the current stage took."""
        self._stages[-1].detail = text
        self._show()

    def asked(self, step: str, trip: int, size: int) -> None:
        """Show a trip of a run by its first step; each hospital has sent `size` bytes so far."""
        name = STAGES.get(step.partition("/")[0], OUTCOMES)
        if not any(stage.name == OUTCOMES for stage in self._stages) or name == OUTCOMES:
            self.stage(name)
            self.detail(f"trip {trip}, {size:,} bytes from each hospital so far")

    def watch(self, trip: tuple[Asked, ...]) -> None:
        """Count a trip towards its stage."""
        first = trip[0].name.partition("/")[0]
        opened = any(stage.name == OUTCOMES for stage in self._stages)
        self.stage(OUTCOMES if opened else STAGES.get(first, OUTCOMES))
        self._stages[-1].trips += 1
        self._stages[-1].numbers += sum(step.numbers for step in trip)
        self._show()

    def _finish(self) -> None:
        if self._stages and not self._stages[-1].done:
            last = self._stages[-1]
            last.done = True
            self._show()
            if self._live is None and self._out is not None:
                self._out.print(f"{last.name}: {last.took or 'done'}", soft_wrap=True)

    def _show(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for stage in self._stages:
            sign = ("●", "green") if stage.done else ("◐", "yellow")
            table.add_row(Text(*sign), stage.name, Text(stage.took, style="dim"))
        return table
