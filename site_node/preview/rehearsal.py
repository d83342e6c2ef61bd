"""Rehearses a study on one hospital's rows: every release by the code that makes it, masked last.

The other hospitals are made up: each is this one over again, so the totals that later questions
hang on are this hospital's own sums. Nothing is sent or kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.disclosure_site import (
    Judged,
    Tighter,
    Verdict,
    groups_to_name,
    judge,
    site_rules,
    verdict_of,
)
from protocol.forecast import MOST_PATIENTS, hospitals_of
from protocol.ids import SiteId, site_id
from protocol.party import Hospital, Office, begin
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.program import Findings
from protocol.run import Asked
from protocol.secagg.messages import Contribution, MaskedVector
from protocol.secagg.run import NO_DEADLINE, simulate
from protocol.steps.atoms import Atoms

EXACT_TRIPS = 2
"""Trips whose questions hang on no total: the lock, and flow with description."""

Watch = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Rehearsed:
    """One release as this hospital would make it.

    `about` says that the numbers hang on totals, which here are this hospital's own.
    """

    asked: Asked
    about: bool
    own: Contribution
    vector: MaskedVector
    judged: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its fields."""
        return verdict_of(self.judged)

    @property
    def smallest(self) -> int | None:
        """The smallest group of patients behind any of its numbers."""
        return min((one.smallest for one in self.judged if one.smallest is not None), default=None)


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A study as one hospital foresees it from its own rows.

    `not_foretold` gives what could not be played, with the reason; `named` are the groups of a few
    patients by which two populations differ here.
    """

    plan: Plan
    patients: int
    rows: int
    hospitals: int
    releases: tuple[Rehearsed, ...]
    not_foretold: tuple[str, ...]
    named: tuple[str, ...]


def rehearse(
    plan: Plan, cohort: Cohort, seed: bytes, own: Tighter, watch: Watch = lambda _: None
) -> Rehearsal:
    """Play the study on one hospital's rows.

    The propensity model is fitted with a ridge penalty: one hospital's covariates may separate the
    arms where all hospitals' do not.

    Parameters
    ----------
    seed
        32 random bytes: masks, lottery and seals here are others than those of a run.
    watch
        Told the number of every trip before it is played.

    Raises
    ------
    FederationError
        If this hospital's numbers do not fit the plan's layouts.
    """
    forced, partners = ridged(plan), partners_of(plan, cohort, seed)
    sites = [cohort.site, *(p.site for p in partners)]
    table = simulate(plan.study.id, sites, plan_digest(forced), seed)
    start = begin(forced, table.view)
    here = Hospital(replace(cohort, secret=seed), table.sites[cohort.site], start)
    others = {p.site: Hospital(p, table.sites[p.site], start) for p in partners}
    office, found = Office(table.coordinator_seed, start), list[Rehearsed]()
    demands = site_rules(plan, own)
    members: Mapping[str, int] = {}
    while not isinstance(office.known.next, Finished):
        trip, steps = 1 + len(office.known.answers), office.known.steps
        watch(trip)
        request, numbers = office.request(NO_DEADLINE), here.numbers()
        after, reply = here.answer(request, numbers)
        for step, block, mine, vector in zip(
            steps, office.known.blocks, numbers, reply.vectors, strict=True
        ):
            asked = Asked(trip, step.name, step.key(), block)
            judged = judge(demands, step.name, block.layout, mine.release, mine.patients)
            found.append(Rehearsed(asked, trip > EXACT_TRIPS, mine, vector, judged))
            if isinstance(step, Atoms):
                members = _apart(step, mine)
        answered = {site: hospital.reply(request) for site, hospital in others.items()}
        replies = {cohort.site: reply, **{site: said for site, (_, said) in answered.items()}}
        office, closed, uploads = office.close(replies, lambda: digest("preview", seed))
        readded = after.readd(closed.result, uploads)
        here = after.build_on(readded)
        others = {site: hospital.build_on(readded) for site, (hospital, _) in answered.items()}
    return Rehearsal(
        plan=plan,
        patients=cohort.size,
        rows=cohort.rows,
        hospitals=len(sites),
        releases=tuple(found),
        not_foretold=_not_foretold(office.known.next.value),
        named=groups_to_name(demands, members),
    )


def ridged(plan: Plan) -> Plan:
    """Change a plan's propensity model to be fitted with a ridge penalty."""
    if plan.propensity is None:
        return plan
    return plan.model_copy(
        update={"propensity": plan.propensity.model_copy(update={"penalty": "ridge"})}
    )


def partners_of(plan: Plan, cohort: Cohort, seed: bytes) -> list[Cohort]:
    """Make up the other hospitals: this one's rows as often as the plan expects patients.

    Without that a small hospital would foresee a study that its own patients are too few for.
    """
    others = hospitals_of(plan) - 1
    expected = plan.disclosure.expected_treated + plan.disclosure.expected_comparator
    missing = min(expected, MOST_PATIENTS) - cohort.size
    times = max(1, ceil(missing / (others * max(1, cohort.size))))
    times = min(times, max(1, plan.disclosure.max_patients_per_hospital // max(1, cohort.size)))
    return [_copy(cohort, number, times, seed) for number in range(1, others + 1)]


def _copy(cohort: Cohort, number: int, times: int, seed: bytes) -> Cohort:
    site = _name(cohort.site, number)

    def repeat(array: NDArray[Any]) -> NDArray[Any]:
        return np.tile(array, times)

    ids = np.array([f"{row}".encode() for row in range(cohort.size * times)], dtype=np.bytes_)
    return Cohort(
        site=site,
        ids=ids,
        arm=repeat(cohort.arm),
        values={name: repeat(array) for name, array in cohort.values.items()},
        excluded=tuple(times * count for count in cohort.excluded),
        rows=times * cohort.rows,
        secret=digest("preview", seed, site),
    )


def _name(own: SiteId, number: int) -> SiteId:
    name = site_id(f"made-up-{number}")
    return name if name != own else site_id(f"made-up-{number}-again")


def _not_foretold(findings: Findings) -> tuple[str, ...]:
    return tuple(f"{one.name}: {one.reason}" for one in findings.left_out)


def _apart(step: Atoms, mine: Contribution) -> dict[str, int]:
    """Count this hospital's patients by arm and the populations that they are in."""
    plan, names = step.plan, [population.name for population in step.populations]
    arms = plan.treatment.comparator_label, plan.treatment.treated_label
    found: dict[str, int] = {}
    for pattern, pair in enumerate(mine.release["counts"].tolist()):
        inside = [name for bit, name in enumerate(names) if (pattern >> bit) & 1]
        outside = [name for name in names if name not in inside]
        for arm, number in enumerate(pair):
            if number and outside:
                within = ", ".join(inside) or "no population"
                found[f"({arms[arm]}) in {within} and not in {', '.join(outside)}"] = number
    return found
