"""What each estimator aims at: the hazard ratio over a target group, from very many patients.

A hazard ratio is not collapsible: that of a whole group is nearer to 1 than the one given the
covariates, so it has to be found by playing both arms for everybody.
"""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from benchmarks.operating.estimators import cox
from benchmarks.operating.studies import Scenario, Study, draw_study, followed

LARGER = 2_000
"""Copies of the seven hospitals, 716,000 patients: the truth is then right to 0.003."""


def truths(scenario: Scenario, random: Generator, larger: int = LARGER) -> dict[str, float]:
    """Find the log hazard ratios in the treated and in the overlap population."""
    if scenario.log_hr == 0:
        return {"treated": 0.0, "overlap": 0.0}
    drawn = draw_study(scenario, random, larger)
    calm = np.zeros(len(drawn.x))
    arms = [replace(drawn, arm=np.full(len(drawn.x), arm, dtype=np.intp)) for arm in (0, 1)]
    comparator, treated = (followed(scenario, one, calm, random) for one in arms)
    both = _stacked(comparator, treated)
    e = both.propensity
    return {"treated": cox(both, e).log_hr, "overlap": cox(both, e * (1 - e)).log_hr}


def _stacked(one: Study, other: Study) -> Study:
    return Study(
        np.concatenate([one.hospital, other.hospital]),
        np.concatenate([one.x, other.x]),
        np.concatenate([one.arm, other.arm]),
        np.concatenate([one.days, other.days]),
        np.concatenate([one.event, other.event]),
        np.concatenate([one.propensity, other.propensity]),
    )
