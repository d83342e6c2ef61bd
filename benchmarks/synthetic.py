"""An extract of any number of synthetic patients, for measuring a big hospital.

The rows follow the model of the packaged cohort (`riskset.synthetic.model`) with what ties that
cohort to its size let go: arm, age and sex are drawn, not filled up to published counts.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.random import Generator

from riskset.synthetic import model
from riskset.synthetic.model import Patients, PerArm
from riskset.synthetic.table import HEADER, numbered, records

CHUNK_ROWS = 50_000
"""Patients drawn at a time: all that is held in memory, whatever the size of the file."""

LIKING_TO_BE_UPFRONT = 0.06
"""The liking that 103 of 358 patients exceed in a hospital without a habit; simulated."""

MEAN_INDEX = 0.54
"""Mean prognostic index of such a hospital; simulated. A chunk's own mean would tie its rows."""

MALE = PerArm(delayed=184 / 255, upfront=72 / 103)


def write_large(path: Path, rows: int, seed: int) -> None:
    """Write an extract of `rows` patients, in the columns of the packaged cohort.

    The file is written as it is drawn, so memory does not grow with it. With the same seed, a
    smaller extract is the beginning of a larger one. Beyond P999 patient numbers grow longer.
    Replaces the file if there is one.

    Raises
    ------
    ValueError
        If `rows` is negative.
    """
    if rows < 0:
        raise ValueError("an extract cannot have a negative number of rows")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{HEADER}\n")
        lines = islice(_endless_records(seed), rows)
        file.writelines(numbered(line, number) for number, line in enumerate(lines, start=1))


def draw_patients(rng: Generator, count: int) -> Patients:
    """Draw patients of one hospital without a habit, each independent of the others."""
    disease = model.draw_disease(rng, count)
    age_z = rng.standard_normal(count)
    liking = model.liking_for_upfront(disease, age_z) + rng.logistic(size=count)
    upfront = liking > LIKING_TO_BE_UPFRONT
    age_years = model.ages(age_z, upfront)
    male = model.chance(rng, MALE.of(upfront))
    drugs = model.draw_drugs(rng, upfront, disease.ras)
    ablation_date = model.draw_ablation_dates(rng, count)
    index = model.prognostic_index(disease, age_years)
    course = model.draw_course(rng, upfront, index, ablation_date)
    death_days = model.draw_death_days(rng, upfront, index - MEAN_INDEX, course)
    complication, drug_ae = model.draw_binary_outcomes(rng, count)
    return Patients(
        disease=disease,
        upfront=upfront,
        age_years=age_years,
        male=male,
        drugs=drugs,
        ablation_date=ablation_date,
        dfs=course.seen(course.first_event_days),
        os=course.seen(death_days),
        complication=complication,
        drug_ae=drug_ae,
    )


def _endless_records(seed: int) -> Iterator[str]:
    # Chunks are drawn whole and cut afterwards: that makes a smaller file a larger one's head.
    rng = np.random.default_rng(seed)
    while True:
        yield from records(draw_patients(rng, CHUNK_ROWS))
