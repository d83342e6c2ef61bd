"""Says of each count whether it is shown, and in which words it is not (P1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from protocol.results.publication.cells import Hidden
from protocol.results.publication.groups import Cell
from protocol.results.publication.rules import Floors
from protocol.results.publication.tree import both
from protocol.results.publication.withheld import NOT_SHOWN, Withheld
from protocol.results.values.estimates import Pair


@dataclass(frozen=True)
class Judge:
    """The floors of an edition, and the cells that it hides."""

    floors: Floors
    hidden: Hidden

    def hides(self, *cells: Cell) -> bool:
        """Tell whether any of these is hidden."""
        return any(cell in self.hidden for cell in cells)

    def count(self, cell: Cell, n: int) -> int:
        """Show a count, or put words in its place.

        The words stand in a field of whole numbers, as NaN stands among floats: whoever writes
        results knows of them.
        """
        if cell not in self.hidden:
            return n
        if 0 < n < self.floors.count:
            return cast("int", Withheld(f"fewer than {self.floors.count}"))
        return cast("int", NOT_SHOWN)

    def pair(self, cell: Callable[[str], Cell], n: Pair[int]) -> Pair[int]:
        """Show both arms' counts, or put words in their place."""
        return both(lambda side: self.count(cell(side), getattr(n, side)))


UNSHOWN = cast("int", NOT_SHOWN)
"""Stands for a count that would give another one away."""
