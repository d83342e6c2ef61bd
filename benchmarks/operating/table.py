"""How one estimator did over many studies, as a row of a table in Markdown."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.operating.estimators import Estimate
from protocol.stats.distributions import normal_quantile

HEADER = (
    "| method | error | patients | largest abs. SMD | bias | SD of estimates | mean error "
    "| coverage of 95 % | rejected at 5 % |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def row(found: Sequence[Estimate], truth: float) -> str:
    """Sum up the estimates of one method against the truth that it aims at."""
    log_hr = np.array([one.log_hr for one in found])
    error = np.array([one.std_error for one in found])
    half = normal_quantile(0.95) * error
    imbalance = float(np.mean([one.imbalance for one in found]))
    numbers = (
        f"{np.mean([one.patients for one in found]):.0f}",
        "" if math.isnan(imbalance) else f"{imbalance:.3f}",
        f"{log_hr.mean() - truth:+.3f}",
        f"{log_hr.std(ddof=1):.3f}",
        f"{error.mean():.3f}",
        f"{100 * (np.abs(log_hr - truth) <= half).mean():.1f} %",
        f"{100 * (np.abs(log_hr) > half).mean():.1f} %",
    )
    return f"| {found[0].method} | {found[0].error} | {' | '.join(numbers)} |"
