"""The synthetic seven-hospital cohort: its sizes, its seeds, and the order in which it is drawn.

358 patients who do not exist, 103 upfront and 255 delayed, whose matched analysis meets the
figures of Li et al., Radiology 2023. `model` holds what each thing is drawn from. The files
drawn here once are part of the package (`packaged`), and those are the cohort: numpy may change
its streams in a new release (its policy, NEP 19), which a test then tells.

How the seeds were found. For a published figure to appear, random streams were searched in two
stages; the searches are not repeated here. Matching is 1:1 nearest neighbour without replacement
on the logit of a logistic propensity model, upfront patients in falling order, caliper 0.2 SD.

- Covariates (streams 1, 2, ...; the first to pass is 5): exactly 100 pairs; every absolute
  standardised mean difference after matching at most 0.12 over the 14 columns of the model;
  c-statistic of the model between 0.62 and 0.80.
- Disease-free survival (last number 0, 1, ...): matched 5-year survival .205 to .215 delayed and
  .355 to .365 upfront; log-rank P .015 to .025; ATT-weighted survival of the delayed arm within
  .015 of .21. Over 40 lotteries of quota matching: mean 5-year survival within .012 of .21 and
  .36, median P .01 to .03.
- Overall survival (likewise): .585 to .595 and .635 to .645; P .47 to .51; weighted survival
  within .015 of .59; over the lotteries within .012 of .59 and .64, median P .35 to .65.
- Binary outcomes (likewise): 6 complications delayed and 5 upfront, 9 adverse events in each arm.

The conditions on weights and lotteries keep the answer from hanging on one way of matching.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from riskset.synthetic import model
from riskset.synthetic.model import Days, Disease, Drugs, Flags, Integers, Patients, Reals
from riskset.synthetic.table import HEADER, numbered, records

HOSPITALS = {"H1": 112, "H2": 78, "H3": 54, "H4": 42, "H5": 32, "H6": 24, "H7": 16}
"""Patients of each hospital; every vector runs through the hospitals in this order."""

HABIT = {"H1": 0.05, "H2": -0.55, "H3": 0.45, "H4": -0.25, "H5": 0.65, "H6": 0.0, "H7": -0.70}
"""How much each hospital leans to upfront ablation, in log-odds."""

UPFRONT = 103
MEN_DELAYED, MEN_UPFRONT = 184, 72

COVARIATES_SEED = (20240317, 5)
DFS_SEED = (20240317, 5, 1, 33045)
OS_SEED = (20240317, 5, 2, 28895)
BINARY_SEED = (20240317, 5, 3, 2066)


@dataclass(frozen=True)
class Baseline:
    """Everything known on the day of ablation: what the stream of covariates gives."""

    disease: Disease
    upfront: Flags
    age_years: Integers
    male: Flags
    drugs: Drugs
    ablation_date: Days


def generate() -> dict[str, str]:
    """Draw the cohort anew and write it as the seven extracts, file name to CSV text."""
    lines = records(draw_patients())
    return {
        f"{hospital}.csv": f"{HEADER}\n"
        + "".join(numbered(next(lines), number) for number in range(1, size + 1))
        for hospital, size in HOSPITALS.items()
    }


def draw_patients() -> Patients:
    """Draw all 358 patients, hospital after hospital."""
    baseline = draw_baseline(_stream(COVARIATES_SEED))
    upfront = baseline.upfront
    index = model.prognostic_index(baseline.disease, baseline.age_years)
    course = model.draw_course(_stream(DFS_SEED), upfront, index, baseline.ablation_date)
    death_days = model.draw_death_days(_stream(OS_SEED), upfront, index - index.mean(), course)
    complication, drug_ae = model.draw_binary_outcomes(_stream(BINARY_SEED), len(upfront))
    return Patients(
        **vars(baseline),
        dfs=course.seen(course.first_event_days),
        os=course.seen(death_days),
        complication=complication,
        drug_ae=drug_ae,
    )


def draw_baseline(rng: Generator) -> Baseline:
    """Draw disease, arm, age, sex, drugs and date, in this order."""
    disease = model.draw_disease(rng, sum(HOSPITALS.values()))
    raw_age = rng.standard_normal(len(disease.lesions))
    upfront = choose_arm(rng, disease, raw_age)
    return Baseline(
        disease=disease,
        upfront=upfront,
        age_years=model.ages(standardise_by_arm(raw_age, upfront), upfront),
        male=draw_men(rng, upfront),
        drugs=model.draw_drugs(rng, upfront, disease.ras),
        ablation_date=model.draw_ablation_dates(rng, len(upfront)),
    )


def choose_arm(rng: Generator, disease: Disease, age_z: Reals) -> Flags:
    """Ablate upfront the 103 patients with the greatest liking for it."""
    habit = np.repeat(list(HABIT.values()), list(HOSPITALS.values()))
    noise = rng.logistic(size=len(age_z))
    liking = model.liking_for_upfront(disease, age_z) + habit + noise
    upfront = np.zeros(len(liking), dtype=np.bool_)
    upfront[np.argsort(liking)[-UPFRONT:]] = True
    return upfront


def standardise_by_arm(values: Reals, upfront: Flags) -> Reals:
    """Give each arm mean 0 and SD 1 (divisor n - 1), so that its age meets the published one."""
    z = np.empty_like(values)
    for arm in (~upfront, upfront):
        z[arm] = (values[arm] - values[arm].mean()) / values[arm].std(ddof=1)
    return z


def draw_men(rng: Generator, upfront: Flags) -> Flags:
    """Draw who is a man, with the published number of men in each arm."""
    male = np.zeros(len(upfront), dtype=np.bool_)
    for arm, men in ((~upfront, MEN_DELAYED), (upfront, MEN_UPFRONT)):
        male[rng.permutation(np.flatnonzero(arm))[:men]] = True
    return male


def _stream(seed: tuple[int, ...]) -> Generator:
    return np.random.default_rng(list(seed))
