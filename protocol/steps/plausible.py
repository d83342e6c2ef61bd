"""Totals that honest hospitals cannot have made are refused before anything is built on them.

Masks prove that a total is the sum of what hospitals sent; these checks catch inputs that no set
of patients could give (SPEC 6). A consistent lie within its range is not caught.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.errors import Exit, FederationError

SLACK = 1e-6
"""Relative room for rounding, far above any and far below what a lie would need."""


class ImpossibleTotalError(FederationError):
    """A total contradicts itself or an earlier one."""

    code = "impossible-total"
    exit = Exit.TAMPERING
    fix = "abort the run: at least one hospital's input is not what its patients give"

    def __init__(self, step: str, what: str) -> None:
        super().__init__(f"{step}: {what}")


def require(step: str, possible: bool | np.bool_, what: str) -> None:
    """Refuse a step's total unless it is possible; `what` says the contradiction.

    Raises
    ------
    ImpossibleTotalError
        Naming the step.
    """
    if not possible:
        raise ImpossibleTotalError(step, what)


def require_information(step: str, information: Sequence[Sequence[float]]) -> None:
    """Refuse a matrix that is no sum of w x x': diagonal below 0, or entries beyond its roots.

    For any j, k: I_jk^2 <= I_jj I_kk (Cauchy and Schwarz).
    """
    for j, row in enumerate(information):
        require(step, row[j] >= 0.0, "the information has a negative diagonal")
        for k in range(j):
            room = row[j] * information[k][k]
            most = room + SLACK * (room + 1.0)
            require(step, row[k] * row[k] <= most, "the information is no sum of squares")


def require_moments(
    step: str,
    known: NDArray[np.int64],
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None:
    """Refuse sums with (sum x)^2 > n sum x^2, which no n numbers have."""
    for n, first, second in zip(known.flat, total.flat, squares.flat, strict=True):
        most = int(n) * float(second)
        possible = float(first) * float(first) <= most + SLACK * (most + 1.0)
        require(step, possible, "a sum is larger than its squares allow")
