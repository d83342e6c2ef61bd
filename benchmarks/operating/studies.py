"""Studies drawn from a known truth: seven hospitals, 358 patients, nine covariates.

Hospitals differ in size, in case mix, in how readily they choose the treatment and, where a
scenario says so, in how their patients do for reasons that nobody measured.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.steps.score import expit

Reals = NDArray[np.float64]

SIZES = (112, 74, 58, 42, 32, 24, 16)
"""Patients of each hospital, as in the seed study."""
TREATED_SHARE = 0.29
CHOICE = np.array([0.45, -0.35, 0.4, 0.3, -0.25, 0.5, 0.35, -0.5, -0.8])
"""Log odds of the treatment by covariate."""
PROGNOSIS = np.array([0.15, 0.25, 0.3, 0.2, -0.1, 0.3, 0.2, -0.25, -0.3])
"""Log hazard by covariate."""
MEDIAN_DAYS = 800.0
ENTRY_DAYS = 1500.0
"""Patients enter over so many days, and are followed 600 days at the least."""
SHORTEST_DAYS = 600.0


@dataclass(frozen=True)
class Scenario:
    """A truth to draw studies from.

    `log_hr` is the effect given the covariates; `preference_sd` and `frailty_sd` say how much
    hospitals differ in the log odds of treatment and in the log hazard beyond the covariates, and
    `correlation` how far the two go together.
    """

    name: str
    log_hr: float
    preference_sd: float
    frailty_sd: float
    correlation: float = 0.0


SCENARIOS = (
    Scenario("no effect", 0.0, 0.5, 0.0),
    Scenario("effect", -0.5, 0.5, 0.0),
    Scenario("no effect, hospitals differ unmeasured", 0.0, 0.5, 0.3),
    Scenario("no effect, hospitals that treat more do better", 0.0, 0.5, 0.3, -0.9),
)


@dataclass(frozen=True, eq=False)
class Study:
    """The patients of one study, one entry each; X (n, 9) covariates, days whole numbers."""

    hospital: NDArray[np.intp]
    x: Reals
    arm: NDArray[np.intp]
    days: NDArray[np.int64]
    event: NDArray[np.intp]
    propensity: Reals

    def where(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Study":
        """Keep some patients."""
        return Study(
            self.hospital[rows],
            self.x[rows],
            self.arm[rows],
            self.days[rows],
            self.event[rows],
            self.propensity[rows],
        )


def draw_study(scenario: Scenario, random: Generator, times_larger: int = 1) -> Study:
    """Draw a study; `times_larger` multiplies the hospitals, each with effects of its own."""
    sizes = np.tile(SIZES, times_larger)
    hospital = np.repeat(np.arange(len(sizes)), sizes)
    x = _covariates(hospital, len(sizes), random)
    habit, chance = random.normal(size=len(sizes)), random.normal(size=len(sizes))
    choice = (x - x.mean(axis=0)) @ CHOICE + scenario.preference_sd * habit[hospital]
    propensity = expit(choice + _intercept(choice))
    arm = (random.random(len(x)) < propensity).astype(np.intp)
    rho = scenario.correlation
    frailty = scenario.frailty_sd * (rho * habit + np.sqrt(1 - rho * rho) * chance)[hospital]
    return followed(
        scenario, Study(hospital, x, arm, _NOT_YET, _NOT_YET, propensity), frailty, random
    )


_NOT_YET = np.zeros(0, dtype=np.int64)


def followed(scenario: Scenario, study: Study, frailty: Reals, random: Generator) -> Study:
    """Follow patients of known arms: exponential times, censored when the study ends."""
    n = len(study.x)
    hazard = np.log(2) / MEDIAN_DAYS
    rate = hazard * np.exp(scenario.log_hr * study.arm + study.x @ PROGNOSIS + frailty)
    until_event = random.exponential(1 / rate)
    until_end = SHORTEST_DAYS + random.random(n) * ENTRY_DAYS
    event = (until_event <= until_end).astype(np.intp)
    days = np.ceil(np.minimum(until_event, until_end)).astype(np.int64)
    return replace(study, days=days, event=event)


def _covariates(hospital: NDArray[np.intp], hospitals: int, random: Generator) -> Reals:
    """Draw three correlated numbers, a count, three yes-or-no marks and a factor of three."""
    n = len(hospital)
    shared = random.normal(size=n)
    mix = random.normal(0, 0.3, (hospitals, 3))[hospital]
    numbers = 0.5 * shared[:, None] + 0.87 * random.normal(size=(n, 3)) + mix
    lesions = np.minimum(random.poisson(1.5, n), 6) / 1.2
    marks = (random.random((n, 3)) < (0.4, 0.6, 0.25)).astype(np.float64)
    side = random.choice(3, n, p=(0.25, 0.3, 0.45))
    return np.column_stack([numbers, lesions, marks, side == 1, side == 2])


def _intercept(choice: Reals) -> float:
    """Find the intercept that treats the wanted share, by halving."""
    low, high = -10.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if expit(choice + middle).mean() > TREATED_SHARE else (middle, high)
        )
    return (low + high) / 2
