"""Tables by cause for tests: the patients of crlm, and any few patients."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.stats.competing import CauseTable, tabulate_causes
from tests.protocol.stats.pooled import rows

CAUSES = ["recurrence", "death"]

DAYS = np.array([10.0, 20.0, 30.0, 40.0, 50.0])

Patients = list[tuple[int, int, int]]

patients: st.SearchStrategy[Patients] = st.lists(
    st.tuples(st.integers(0, len(DAYS) - 1), st.integers(0, 1), st.integers(0, 2)), max_size=24
)
"""Cell, arm and status of each: 0 censored, 1 or 2 the cause."""


def table_of(group: Patients, days: NDArray[np.float64] = DAYS) -> CauseTable:
    cell, arm, status = np.array(group, dtype=np.intp).reshape(-1, 3).T
    return tabulate_causes(days, cell, arm, status, causes=2)


def crlm(site: str | None = None) -> CauseTable:
    """Recurrence (first) and death without one, of all patients or those of a hospital."""
    pooled = rows("crlm")
    what = pooled.dictionary["competing"]
    days = pooled.number(what["time"]).astype(np.intp)
    status = pooled.number(what["status"]).astype(np.intp)
    here = np.ones(len(days), dtype=np.bool_) if site is None else pooled.site == site
    grid = np.arange(days.max() + 1, dtype=np.float64)
    return tabulate_causes(grid, days[here], pooled.arm[here], status[here], len(what["causes"]))
