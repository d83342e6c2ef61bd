"""The disclosure profiles in words: what may be seen of the sums, and by whom.

The numbers are those that `protocol.disclosure` enforces; a test holds the two together.
"""

from dataclasses import dataclass

from protocol.plan.check_analysis import FEWEST_PATIENTS
from protocol.plan.model import Plan


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
    subgroup_events: int
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
        subgroup_events=5,
        published="Counts below 5 are not published.",
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
        subgroup_events=5,
        published="Counts below 10 are not published.",
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
        subgroup_events=10,
        published="Counts below 10 are not published, and others are rounded to 5.",
    ),
}


def sentences(plan: Plan) -> tuple[str, ...]:
    """Say what the plan's profile means."""
    if plan.disclosure.profile == "open":
        return (
            "Profile 'open': there are no disclosure rules.",
            "It runs only where all rows are on one machine, for simulations and tests, and every "
            "output is marked SIMULATED.",
        )
    name, profile = plan.disclosure.profile, PROFILES[plan.disclosure.profile]
    return (
        f"Profile '{name}', meant for {profile.meant_for}.",
        *_joining(plan, profile),
        profile.totals,
        profile.grid,
        *_groups(plan, profile),
        profile.published,
        "A hospital may tighten any of these rules for itself.",
    )


def _joining(plan: Plan, profile: Profile) -> tuple[str, ...]:
    rules = plan.disclosure
    arm = f", nor one with 1 to {profile.arm - 1} in an arm" if profile.arm else ""
    return (
        f"No sum is taken over fewer than {rules.min_sites} hospitals, and a hospital with fewer "
        f"than {FEWEST_PATIENTS[rules.profile]} patients does not join{arm}.",
        "Nobody sees one hospital's numbers, unless all the other hospitals take theirs out of a "
        "total together.",
    )


def _groups(plan: Plan, profile: Profile) -> tuple[str, ...]:
    said = [f"Two populations may differ by {profile.difference} patients, and not by fewer."]
    if plan.propensity is not None and profile.level > 1:
        said.append(
            f"A level that fewer than {profile.level} patients have gets no column of its own in "
            "the model."
        )
    if plan.designs:
        bins = profile.bins_per_caliper
        width = "one caliper" if bins == 1 else f"1/{bins} of the caliper"
        said.append(f"Scores are counted in bins that are {width} wide.")
    if plan.weightings or any(population.weight for population in plan.populations):
        said.append(f"Weights have {profile.weights}.")
    if plan.subgroups:
        said.append(
            f"A subgroup is shown if each arm of it has {profile.subgroup_patients} patients and "
            f"{profile.subgroup_events} events."
        )
    return tuple(said)
