"""The model behind the synthetic patients: one function draws each thing recorded of them.

Nothing here is estimated from patients. The coefficients are set so that a cohort of 358 can look
like the published one; `crlm` holds the sizes and seeds of that cohort, `table` writes the rows.
Every draw comes from the generator handed in, so the order of calls is part of the recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Labels = NDArray[np.str_]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class PerArm:
    """A number of the model that differs between the arms."""

    delayed: float
    upfront: float

    def of(self, upfront: Flags) -> Reals:
        """Give every patient the number of the own arm."""
        return np.where(upfront, self.upfront, self.delayed)


PRIMARY_SITE = {"right colon": 0.24, "left colon": 0.36, "rectum": 0.40}
T_STAGE = {"T1-2": 0.14, "T3": 0.58, "T4": 0.28}
RAS = {"wild-type": 0.47, "mutant": 0.37, "unknown": 0.16}
REGIMEN_DELAYED = {"FOLFOX": 0.42, "CAPOX": 0.30, "FOLFIRI": 0.22, "FOLFOXIRI": 0.06}
REGIMEN_UPFRONT = {"none": 0.22, "FOLFOX": 0.34, "CAPOX": 0.32, "FOLFIRI": 0.12}
BEVACIZUMAB = PerArm(delayed=0.38, upfront=0.20)
CETUXIMAB = PerArm(delayed=0.30, upfront=0.18)

CEA_RANGE_NG_ML = (0.1, 1000.0)
DIAMETER_RANGE_CM = (0.5, 2.9)
AGE_RANGE = (24, 86)
AGE_MEAN = PerArm(delayed=57, upfront=56)
AGE_SD = PerArm(delayed=11, upfront=12)

FIRST_ABLATION = np.datetime64("2009-10-01", "D")
ABLATION_SPAN_DAYS = 4109
DATA_CUTOFF = np.datetime64("2022-06-30", "D")
YEAR_DAYS = 365.25

DFS_SHAPE = 0.85
DFS_LOG_RATE = PerArm(delayed=-1.2215556494341224, upfront=-1.704941310138838)
"""λ of each arm: the mean of exp(-exp(λ + r) 5^0.85) is .21 and .36 over its matched patients."""
DEATH_AS_FIRST_EVENT = 0.06
MEAN_YEARS_TO_LOSS = 16.0

OS_SHAPE = 1.1
OS_LOG_SCALE = PerArm(delayed=1.4894535355718501, upfront=1.3870391682581311)
"""μ of each arm: .59 and .64 of its matched patients live past day 1825, on average of 60 draws."""

COMPLICATION = 0.055
DRUG_AE = 0.09


@dataclass(frozen=True)
class Disease:
    """What is known of the cancer before a strategy is chosen; every array has one per patient."""

    synchronous: Flags
    primary_site: Labels
    t_stage: Labels
    node_positive: Flags
    ras: Labels
    cea_ng_ml: Reals
    lesions: Integers
    diameter_cm: Reals
    extrahepatic: Flags


@dataclass(frozen=True)
class Drugs:
    """Chemotherapy and antibody; `none` where there is none."""

    regimen: Labels
    targeted: Labels


@dataclass(frozen=True)
class FollowUp:
    """Days from ablation to the event or the end of follow-up, and whether it was the event."""

    days: Integers
    event: Flags


@dataclass(frozen=True)
class Course:
    """What happens to each patient if watched for ever, and for how long each is watched.

    `first_event_days` and `watched_days` are whole numbers kept as floats, because a time that
    is never observed can exceed every integer.
    """

    first_event_days: Reals
    died_first: Flags
    watched_days: Reals

    def seen(self, event_days: Reals) -> FollowUp:
        """Cut event times off at the end of follow-up; an event on the last day is seen."""
        days = np.minimum(event_days, self.watched_days).astype(np.int64)
        return FollowUp(days, event_days <= self.watched_days)


@dataclass(frozen=True)
class Patients:
    """Everything drawn for a group of patients, in the order of their rows."""

    disease: Disease
    upfront: Flags
    age_years: Integers
    male: Flags
    drugs: Drugs
    ablation_date: Days
    dfs: FollowUp
    os: FollowUp
    complication: Flags
    drug_ae: Flags


def expit(x: Reals) -> Reals:
    """Turn log-odds into probabilities."""
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float64)


def chance(rng: Generator, p: Reals) -> Flags:
    """Flip one coin per patient, which shows true with that patient's probability."""
    return np.asarray(rng.random(len(p)) < p, dtype=np.bool_)


def draw_level(rng: Generator, shares: Mapping[str, float], count: int) -> Labels:
    """Draw a category for each patient."""
    return rng.choice(np.array(list(shares)), count, p=list(shares.values()))


def draw_disease(rng: Generator, count: int) -> Disease:
    """Draw the disease of each patient.

    A latent tumour burden, which no file holds, makes stage, number, size and CEA correlate.
    """
    burden = rng.standard_normal(count)
    # Python evaluates arguments as they are written: this is the order of draws.
    return Disease(
        synchronous=chance(rng, expit(0.35 + 0.5 * burden)),
        primary_site=draw_level(rng, PRIMARY_SITE, count),
        t_stage=draw_level(rng, T_STAGE, count),
        node_positive=chance(rng, expit(0.35 + 0.6 * burden)),
        ras=draw_level(rng, RAS, count),
        cea_ng_ml=draw_cea(rng, burden),
        lesions=draw_lesions(rng, burden),
        diameter_cm=draw_diameter(rng, burden),
        extrahepatic=chance(rng, expit(-2.15 + 0.5 * burden)),
    )


def draw_cea(rng: Generator, burden: Reals) -> Reals:
    """Draw carcinoembryonic antigen in ng/mL: log-normal, to one decimal."""
    cea = np.exp(1.75 + 0.45 * burden + 0.85 * rng.standard_normal(len(burden)))
    # The limits touch nobody among 358; among millions they keep the logarithm finite.
    low, high = CEA_RANGE_NG_ML
    return np.clip(np.round(cea, 1), low, high)


def draw_lesions(rng: Generator, burden: Reals) -> Integers:
    """Draw the number of metastases, 1 to 3; burden moves the odds of 2 and of 3 against 1."""
    odds_of_two, odds_of_three = np.exp(-0.55 + 0.55 * burden), np.exp(-1.25 + 0.8 * burden)
    total = 1 + odds_of_two + odds_of_three
    u = rng.random(len(burden))
    steps = np.stack([u > 1 / total, u > (1 + odds_of_two) / total])
    return np.asarray(1 + steps.sum(axis=0), dtype=np.int64)


def draw_diameter(rng: Generator, burden: Reals) -> Reals:
    """Draw the largest diameter in cm, to one decimal and always below 3."""
    share = expit(0.15 + 0.35 * burden + 0.75 * rng.standard_normal(len(burden)))
    low, high = DIAMETER_RANGE_CM
    return np.round((0.5 + 2.45 * share).clip(low, high), 1)


def liking_for_upfront(disease: Disease, age_z: Reals) -> Reals:
    """Say how much a patient's features speak for upfront ablation, in log-odds.

    `age_z` is the standardised age. The hospital's habit and chance come on top of it.
    """
    return np.asarray(
        -0.75 * disease.synchronous
        - 0.45 * (disease.lesions - 2)
        - 0.25 * np.log(disease.cea_ng_ml)
        - 0.30 * disease.node_positive
        - 0.55 * disease.extrahepatic
        - 0.35 * (disease.diameter_cm - 1.7)
        + 0.30 * (disease.primary_site == "right colon")
        - 0.15 * (disease.ras == "mutant")
        - 0.08 * age_z
    )


def ages(age_z: Reals, upfront: Flags) -> Integers:
    """Turn standardised ages into whole years with the mean and SD of the arm."""
    years = np.rint(AGE_MEAN.of(upfront) + AGE_SD.of(upfront) * age_z)
    youngest, oldest = AGE_RANGE
    return np.clip(years, youngest, oldest).astype(np.int64)


def draw_drugs(rng: Generator, upfront: Flags, ras: Labels) -> Drugs:
    """Draw chemotherapy and antibody; cetuximab only where RAS is known to be wild-type."""
    count = len(upfront)
    # Both arms' regimens are drawn for everybody, so that the arm does not shift the stream.
    delayed = draw_level(rng, REGIMEN_DELAYED, count)
    regimen = np.where(upfront, draw_level(rng, REGIMEN_UPFRONT, count), delayed)
    bevacizumab = chance(rng, BEVACIZUMAB.of(upfront))
    cetuximab = chance(rng, CETUXIMAB.of(upfront)) & (ras == "wild-type")
    antibody = np.where(bevacizumab, "bevacizumab", np.where(cetuximab, "cetuximab", "none"))
    return Drugs(regimen, np.where(regimen == "none", "none", antibody))


def draw_ablation_dates(rng: Generator, count: int) -> Days:
    """Draw the day of ablation between October 2009 and December 2020, with a slow rise."""
    day = np.floor(ABLATION_SPAN_DAYS * rng.beta(1.15, 0.95, count))
    return FIRST_ABLATION + day.astype("timedelta64[D]")


def prognostic_index(disease: Disease, age_years: Integers) -> Reals:
    """Give r, the log hazard ratio of disease-free survival against a middling patient."""
    return np.asarray(
        0.010 * (age_years - 57)
        + 0.22 * disease.node_positive
        + 0.20 * (disease.t_stage == "T4")
        + 0.28 * (disease.ras == "mutant")
        + 0.12 * (disease.ras == "unknown")
        + 0.16 * (np.log(disease.cea_ng_ml) - 1.75)
        + 0.24 * (disease.lesions - 1.6)
        + 0.25 * (disease.diameter_cm - 1.7)
        + 0.20 * disease.synchronous
        + 0.55 * disease.extrahepatic
        + 0.12 * (disease.primary_site == "right colon")
    )


def draw_course(rng: Generator, upfront: Flags, index: Reals, ablation_date: Days) -> Course:
    """Draw the first event, what it is, and the end of follow-up.

    The first event is Weibull with survival exp(-exp(λ + r) t^0.85), t in years.
    """
    count = len(upfront)
    rate = np.exp(DFS_LOG_RATE.of(upfront) + index)
    years = (rng.standard_exponential(count) / rate) ** (1 / DFS_SHAPE)
    died_first = rng.random(count) < DEATH_AS_FIRST_EVENT
    loss = rng.standard_exponential(count) * MEAN_YEARS_TO_LOSS * YEAR_DAYS
    until_cutoff = (DATA_CUTOFF - ablation_date).astype(np.float64)
    return Course(
        first_event_days=np.maximum(1, np.ceil(years * YEAR_DAYS)),
        died_first=died_first,
        watched_days=np.minimum(np.maximum(1, np.ceil(loss)), until_cutoff),
    )


def draw_death_days(
    rng: Generator, upfront: Flags, index_about_mean: Reals, course: Course
) -> Reals:
    """Draw the day of death: a Weibull time after recurrence, or the first event itself.

    `index_about_mean` is r less the mean of r; a worse prognosis also shortens what follows.
    """
    scale_years = np.exp(OS_LOG_SCALE.of(upfront) - 0.35 * index_about_mean)
    after_recurrence = rng.weibull(OS_SHAPE, len(upfront)) * scale_years * YEAR_DAYS
    later = np.ceil(course.first_event_days + after_recurrence)
    return np.where(course.died_first, course.first_event_days, later)


def draw_binary_outcomes(rng: Generator, count: int) -> tuple[Flags, Flags]:
    """Draw major complications and severe adverse events of drugs, independent of everything."""
    complication = rng.random(count) < COMPLICATION
    return complication, rng.random(count) < DRUG_AE
