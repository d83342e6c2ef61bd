"""Names of counts, and which of them hang together: so that none follows from the others."""

from collections.abc import Mapping
from dataclasses import dataclass

Cell = tuple[str, ...]
"""A count's name: what it counts, then where."""

SIDES = ("comparator", "treated")

_DERIVED = {
    *(("outcome", "without"), ("odds", "without")),
    *(("pairs", "both"), ("pairs", "neither"), ("first", "others")),
}


def derived(cell: Cell) -> bool:
    """Tell a count that stands nowhere by itself: it follows from others, and hides those."""
    return cell[:2] in _DERIVED


@dataclass(frozen=True)
class Group:
    """Counts whose sum can be known; `rest` is what the sum has beside them.

    `whole` says that more is known of them than their sum, so that one hides all the others.
    """

    cells: Mapping[Cell, int]
    rest: int = 0
    whole: bool = False
