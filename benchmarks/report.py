"""Measured numbers beside what is to be reached, as a table in Markdown."""

import math
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

LIBRARIES = ("numpy", "pandas", "scikit-learn", "lifelines", "cryptography")
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One measured number; where a target is set, the number should be at most that."""

    what: str
    measured: float
    unit: str = ""
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one. NaN reaches nothing."""
        return None if self.at_most is None else self.measured <= self.at_most

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What the table shows: what, measured, to reach, reached."""
        target = "" if self.at_most is None else f"at most {_said(self.at_most, self.unit)}"
        told = {None: "", True: "yes", False: "**no**"}[self.reached]
        return self.what, _said(self.measured, self.unit), target, told


@dataclass(frozen=True)
class Section:
    """The rows of one measurement, under a sentence that says how they came about."""

    title: str
    how: str
    rows: tuple[Row, ...]

    @property
    def markdown(self) -> str:
        """The section as Markdown."""
        header = "| what | measured | to reach | reached |\n| --- | ---: | ---: | --- |"
        lines = [f"| {' | '.join(row.cells)} |" for row in self.rows]
        return "\n".join([f"## {self.title}\n", f"{self.how}\n", header, *lines]) + "\n"


def _said(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Write three leading digits, whole numbers in full."""
    if value == int(value) if math.isfinite(value) else False:
        return f"{int(value):,}"
    if not math.isfinite(value) or abs(value) < 0.001:
        return f"{value:.1e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def machine() -> str:
    """Describe what was measured on, without naming the machine or the day."""
    cores, memory = os.cpu_count() or 1, _memory_bytes() / GIB
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    size = f"{memory:.0f} GiB of memory" if memory else "memory unknown"
    return (
        f"{cores} cores, {size}, {platform.system()} on {platform.machine()}; "
        f"Python {platform.python_version()}, {libraries}."
    )


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not every system tells
        return 0


def verdict(sections: Iterable[Section]) -> str:
    """Count the targets that are reached, and name the others."""
    rows = [row for section in sections for row in section.rows if row.reached is not None]
    missed = [row.what for row in rows if not row.reached]
    told = f"{len(rows) - len(missed)} of {len(rows)} targets reached."
    return f"{told} Missed: {'; '.join(missed)}." if missed else told
