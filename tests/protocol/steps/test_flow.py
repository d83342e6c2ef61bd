"""Flow: who is in the study, who is not, whose values are missing."""

import numpy as np

from protocol.cohort import reasons
from protocol.steps.flow import Flow
from tests.federation.cohorts import ask, cohort, small_plan, terms_of

PLAN = small_plan()
SITES = [
    cohort("a", [0, 0, 1], age=[50, np.nan, 60], fever=[1, -1, -1]),
    cohort("b", [1], stage=[-1]),
]


def test_flow_by_hand() -> None:
    flow = ask(Flow(PLAN, terms_of(PLAN, SITES)), SITES)
    assert flow.rows == 4
    assert flow.excluded == tuple((reason, 0) for reason in reasons(PLAN))
    assert flow.patients == (2, 2)
    assert flow.complete == (1, 1)
    assert flow.incomplete == (1, 1)
    assert flow.hospitals_by_arm == (1, 2)
    missing = {name: pair for name, pair in flow.missing.items() if pair != (0, 0)}
    assert missing == {"age": (1, 0), "fever": (1, 1), "stage": (0, 1)}
    assert set(flow.coin_commitments) == {"a", "b"}


def test_what_leaves_is_whole_patients_only() -> None:
    layout = Flow(PLAN, terms_of(PLAN, SITES)).layout()
    shapes = {field.name: field.shape for field in layout.fields}
    assert shapes == {
        "rows": (),
        "excluded": (3,),
        "patients": (2,),
        "complete": (2,),
        "missing": (9, 2),
        "hospitals": (2,),
    }
    assert layout.width == 64
