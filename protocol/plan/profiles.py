"""The disclosure profiles in words: what may be seen of the sums, and by whom.

The numbers are those that `protocol.disclosure` enforces; a test holds the two together.
"""

from dataclasses import dataclass

from protocol.plan.check_analysis import FEWEST_PATIENTS
from protocol.plan.model import Plan

LEVEL_HOSPITALS = 3
"""Hospitals that need a level of a covariate for it to have a column, in every profile."""
STRATA_HOSPITALS = 4
"""Hospitals that have to contribute to a subgroup, in every profile."""


@dataclass(frozen=True)
class Profile:
    """What a reader has to know of a profile."""

    meant_for: str
    totals: str
    grid: str
    arm: int
    difference: int
    level: int
    bins_per_caliper: int
    weights: str
    subgroup_patients: int
    published: str


PROFILES = {
    "exact": Profile(
        meant_for="hospitals that share a data-use agreement",
        totals="The coordinating centre and every hospital see every total, uncut.",
        grid="Times are counted as they are, to the unit. Most times belong to one patient, so the "
        "totals show single patients' times, though not whose and not from which hospital.",
        arm=0,
        difference=3,
        level=1,
        bins_per_caliper=10,
        weights="3 significant digits; in a small study a participant who knows a patient's "
        "covariates can find that patient's weight",
        subgroup_patients=10,
        published="counts below 5 are left out",
    ),
    "standard": Profile(
        meant_for="hospitals that share sums, and not all of them with each other",
        totals="The coordinating centre sees every total, uncut; hospitals see those that the "
        "next question depends on.",
        grid="Times are counted by month, at its end.",
        arm=5,
        difference=10,
        level=5,
        bins_per_caliper=2,
        weights="2 significant digits",
        subgroup_patients=10,
        published="counts below 10 are left out",
    ),
    "strict": Profile(
        meant_for="hospitals that share as little as the question allows",
        totals="The coordinating centre sees every total, uncut; hospitals see those that the "
        "next question depends on.",
        grid="Times are counted by quarter, at its end.",
        arm=10,
        difference=20,
        level=10,
        bins_per_caliper=1,
        weights="",
        subgroup_patients=20,
        published="counts below 10 are left out, and others are rounded to 5",
    ),
}


def sentences(plan: Plan) -> tuple[str, ...]:
    """Say what the plan's profile means."""
    if plan.disclosure.profile == "open":
        return (
            "Profile 'open': there are no disclosure rules.",
            "It runs only where all rows are on one machine, for simulations and tests; results "
            "and report are marked SIMULATED.",
        )
    name, profile = plan.disclosure.profile, PROFILES[plan.disclosure.profile]
    return (
        f"Profile '{name}', meant for {profile.meant_for}.",
        *_joining(plan, profile),
        profile.totals,
        profile.grid,
        *_groups(plan, profile),
        "Results and report are for the consortium and show every count. Whoever publishes from "
        f"them has to see to it that {profile.published}.",
    )


def _joining(plan: Plan, profile: Profile) -> tuple[str, ...]:
    rules = plan.disclosure
    arm = f", nor one with 1 to {profile.arm - 1} in an arm" if profile.arm else ""
    return (
        f"No sum is taken over fewer than {rules.min_sites} hospitals, and a hospital with fewer "
        f"than {FEWEST_PATIENTS[rules.profile]} patients does not join{arm}.",
        "Nobody sees one hospital's numbers, unless all the other hospitals take theirs out of a "
        "total together.",
        "A hospital without patients of a kind adds zeros. Where a single hospital has such "
        "patients, the total over all is its own number, though it does not say whose.",
    )


def _groups(plan: Plan, profile: Profile) -> tuple[str, ...]:
    said = [f"Two populations may differ by {profile.difference} patients, and not by fewer."]
    if plan.propensity is not None:
        few = f"fewer than {profile.level} patients or " if profile.level > 1 else ""
        said.append(
            f"A level that {few}fewer than {LEVEL_HOSPITALS} hospitals have gets no column of its "
            "own in the model."
        )
    if plan.designs:
        bins = profile.bins_per_caliper
        width = "one caliper" if bins == 1 else f"1/{bins} of the caliper"
        said.append(f"Scores are counted in bins that are {width} wide.")
    if plan.weightings or any(population.weight for population in plan.populations):
        said.append(f"Weights have {profile.weights}.")
    if plan.subgroups:
        said.append(
            f"Outcomes of a subgroup are asked for if each arm of it has "
            f"{profile.subgroup_patients} patients and {STRATA_HOSPITALS} hospitals have some."
        )
    return tuple(said)
