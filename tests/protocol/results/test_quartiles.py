"""Table 1 holds exact quartiles where the plan asks for them, and says so."""

import numpy as np

from coordinator.report.page import report_html
from protocol.results import results
from protocol.run import play
from protocol.steps.population import Complete
from tests.federation.cohorts import clinics, pool
from tests.protocol.steps.test_quantiles import plan

SEED = b"quartiles".ljust(32, b"\0")


def test_exact_quartiles_reach_table_one_and_the_report() -> None:
    here, everybody = plan("exact"), pool(clinics())
    found = results(play(here, clinics(), SEED))
    table = next(t for t in found.table_one if t.population == "complete")
    rows = {row.variable: row for row in table.rows if row.number}
    own = Complete(here).weights(everybody) > 0
    for name in ("age", "marker"):
        values = everybody.values[name][own & (everybody.arm == 0)]
        summary = rows[name].arms.comparator
        told = (summary.lower_quartile, summary.median, summary.upper_quartile)
        np.testing.assert_allclose(told, np.quantile(values, (0.25, 0.5, 0.75)), atol=1e-8)
    assert {name: row.exact for name, row in rows.items()} == {
        "age": True,
        "marker": True,
    }
    assert "Quartiles are exact (type 7)." in report_html(found)
