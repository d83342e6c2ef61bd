from functools import reduce
from operator import add

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.stats.competing import CauseTable, course
from tests.protocol.stats.causes import DAYS, crlm, table_of
from tests.protocol.stats.pooled import rows


def zeros(*shape: int) -> NDArray[np.int64]:
    return np.zeros(shape, dtype=np.int64)


def test_other_causes_become_censorings() -> None:
    table = table_of([(0, 0, 1), (0, 0, 2), (0, 0, 2), (0, 1, 0), (3, 1, 1)])
    own = table.cause(1)
    assert own.events[:, 0].tolist() == [2, 0]
    assert own.censored[:, 0].tolist() == [1, 1]
    assert table.others(1)[:, 0].tolist() == [1, 0]
    assert table.all_causes.events[:, 0].tolist() == [3, 0]
    assert table.compact().times.tolist() == [10.0, 40.0]


def test_hospitals_add_up_to_all() -> None:
    total = reduce(add, (crlm(site) for site in rows("crlm").sites))
    np.testing.assert_array_equal(total.events, crlm().events)
    np.testing.assert_array_equal(total.censored, crlm().censored)


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="three axes"):
        CauseTable(zeros(2, 5), zeros(2, 5), DAYS)
    with pytest.raises(ValueError, match="two arms"):
        CauseTable(zeros(2, 3, 5), zeros(3, 5), DAYS)
    with pytest.raises(ValueError, match="differ in shape"):
        CauseTable(zeros(2, 2, 5), zeros(2, 4), DAYS)
    one, two = (CauseTable(zeros(n, 2, 5), zeros(2, 5), DAYS) for n in (1, 2))
    with pytest.raises(ValueError, match="causes"):
        one + two
    with pytest.raises(ValueError, match="grids"):
        one + CauseTable(zeros(1, 2, 5), zeros(2, 5), DAYS + 1)


def test_after_the_last_patient_nothing_happens() -> None:
    path = course(table_of([(0, 0, 0), (1, 0, 2), (3, 1, 1)]), 0, 1)
    assert path.at_risk.tolist() == [2, 1, 0, 0, 0]
    assert path.survival.tolist() == [1, 0, 0, 0, 0]
    assert path.incidence.tolist() == [0, 1, 1, 1, 1]
