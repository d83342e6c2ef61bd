"""Plans made to isolate patients, run after run, against nodes with ledgers; what is known then.

Whoever knows all totals adds and subtracts them. Patients who share arm and all cohorts of which a
total was opened weigh alike in whatever comes out; so the smallest such group, counted here over
all hospitals with a view that nobody has, bounds what anybody can know of a few.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from protocol.cohort import Cohort, fulfils
from protocol.errors import ProblemsError
from protocol.ids import SiteId
from protocol.parts.propensity import NoFit
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.endpoints import Subgroup
from protocol.plan.model import Plan
from protocol.plan.patients import Condition, Eligibility, Population
from protocol.plan.read import read_canonical
from protocol.play import Finished
from protocol.program import Findings
from protocol.requests import LOCAL_POLICY, Advance, Refusal
from protocol.secagg.messages import Reply, Trip
from protocol.steps.risk_table import EVERY
from site_node.course import read_answer
from site_node.data.snapshot import Snapshot
from site_node.ledger import Kind
from tests.coordinator.hospitals import brief_plan
from tests.federation.cohorts import clinics, cohort, part, small_plan
from tests.site_node.office import Drive, drive, resigned
from tests.site_node.town import Town, approve, town

FLOOR = 3
"""Rule D's floor in profile `exact`."""

SIZES_ONLY = {"level-sizes/1"}
"""Steps that count a population before anything of it is asked."""

Patient = tuple[SiteId, bytes]


@dataclass
class Left:
    """All that left the hospitals, as cohorts over all of them; and what was refused, and why."""

    arms: dict[tuple[str, Patient], int] = field(default_factory=dict)
    cohorts: dict[tuple[int, str, str], set[Patient]] = field(default_factory=dict)
    finished: list[Findings] = field(default_factory=list)
    codes: list[set[str]] = field(default_factory=list)

    def take(self, run: int, step: Any, rows: Sequence[Cohort]) -> None:
        """Add the cohort that a step's total is about, if it is about one."""
        while (inner := getattr(step, "step", None)) is not None and not isinstance(inner, int):
            step = inner
        if not hasattr(step, "population") or step.name in SIZES_ONLY:
            return
        level = getattr(step, "level", EVERY)
        who = set[Patient]()
        for own in rows:
            inside = (step.population.weights(own) > 0) & level.flags(read(step), own)
            who |= {(own.site, bytes(one)) for one in own.ids[inside]}
            arms = zip(own.ids, own.arm, strict=True)
            self.arms |= {(str(run), (own.site, bytes(i))): int(arm) for i, arm in arms}
        self.cohorts[run, step.population.name, str(level)] = who

    @property
    def smallest(self) -> int:
        """Count the smallest group that sums and differences of what left can be about."""
        families = {level.partition("=")[0] for _, _, level in self.cohorts}
        return min(size for family in families for size in self._groups(family))

    def _groups(self, family: str) -> Iterator[int]:
        shown = [
            (k, who) for k, who in self.cohorts.items() if k[2].partition("=")[0] in ("", family)
        ]
        everybody = set[Patient]().union(*(who for _, who in shown))
        yield from Counter(
            tuple((who_is in who, self.arms.get((str(k[0]), who_is))) for k, who in shown)
            for who_is in everybody
        ).values()


def read(step: Any) -> Plan:
    plan = step.plan
    assert isinstance(plan, Plan)
    return plan


def ask_all(place: Town, plans: Sequence[Plan]) -> Left:
    """Have the plans approved everywhere and run, one after the other, each as far as it gets."""
    found = Left()
    admissions = [admitted(place, plan) for plan in plans]
    for number, (plan, rows) in enumerate(zip(plans, admissions, strict=True)):
        run = drive(replace(place, plan=plan), f"run {number}")
        while not run.finished:
            said = run.collect()
            refused = {one.code for one in said.values() if isinstance(one, Refusal)}
            if refused:
                found.codes.append(refused)
                break
            asked = run.office.known.steps if run.office else ()
            run.take(said)
            for step in asked:
                found.take(number, step, rows)
        else:
            found.finished.append(findings(run))
    return found


def findings(run: Drive) -> Findings:
    assert run.office is not None
    assert isinstance(run.office.known.next, Finished)
    return run.office.known.next.value


def admitted(place: Town, plan: Plan) -> list[Cohort]:
    """Give every hospital the rows of a plan, as it enrols them, and its operator's approval."""
    rows = []
    for house in place.houses.values():
        whole = house.snapshots[plan_digest(place.plan)].cohort
        flags = np.ones(whole.size, dtype=np.bool_)
        for condition in plan.eligibility:
            flags &= fulfils(plan, condition, whole.values)
        own = replace(part(whole, whole.site, np.flatnonzero(flags)), secret=whole.secret)
        rows.append(replace(own, excluded=(0,) * (3 + len(plan.eligibility))))
        house.stop()
        house.snapshots = {**house.snapshots, plan_digest(plan): Snapshot(plan, rows[-1], ())}
        approve(house, plan, place.roster)
    return rows


def reasons(place: Town) -> str:
    return "".join(house.log.getvalue() for house in place.houses.values())


def of_ages(low: float, high: float) -> Plan:
    """Look at all patients, and at those between two ages."""
    chosen = Condition(variable="age", rule="between", between=(low, high))
    group = Population(name="aged", label="Of these ages", conditions=(chosen,))
    return brief_plan().model_copy(update={"populations": (group,)})


def up_to(age: float) -> Plan:
    """Study patients up to an age."""
    rule = Eligibility(variable="age", rule="at-most", value=age, reason="too old")
    return brief_plan().model_copy(update={"eligibility": (rule,)})


ALL = brief_plan()


FORTY = [up_to(82 - k) for k in range(40)]


def test_forty_nearly_equal_cohorts(tmp_path: Path) -> None:
    """Each by a plan of its own: the first is answered, and none that differs by a few patients."""
    place = town(tmp_path, ALL, clinics(3, 40), max_runs=100)
    left = ask_all(place, FORTY)
    assert 1 <= len(left.finished) < 20
    assert len(left.codes) > 20
    assert set[str]().union(*left.codes) == {LOCAL_POLICY}
    assert "(rule D)" in reasons(place)
    assert left.smallest >= FLOOR
    place.close()


def test_forty_cohorts_are_too_many_also_where_none_differs(tmp_path: Path) -> None:
    """Rule Q: a hospital answers so many runs on one extract, and no more unless told."""
    place = town(tmp_path, ALL, clinics(3, 40), max_runs=3)
    titles = [ALL.study.model_copy(update={"title": f"Again {k}"}) for k in range(5)]
    left = ask_all(place, [ALL.model_copy(update={"study": one}) for one in titles])
    assert len(left.finished) == 3
    assert left.codes == [{LOCAL_POLICY}] * 2
    assert "(rule Q)" in reasons(place)
    place.close()


def test_without_rule_d_forty_cohorts_isolate_somebody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the measure of these tests sees what it is for."""
    monkeypatch.setattr("site_node.patterns.singles_out", lambda *_: False)
    place = town(tmp_path, ALL, clinics(3, 40), max_runs=100)
    left = ask_all(place, FORTY[:6])
    assert len(left.finished) == 6
    assert left.smallest < FLOOR
    place.close()


def test_forty_cohorts_in_one_plan_are_no_plan() -> None:
    """The plan is refused where it is read: by the node as by whoever wrote it."""
    (group,) = of_ages(18, 60).populations
    forty = tuple(group.model_copy(update={"name": f"p{k}"}) for k in range(40))
    plan = brief_plan().model_copy(update={"populations": forty})
    with pytest.raises(ProblemsError, match="populations"):
        read_canonical(canonical(plan))


def one_each(*ages: float) -> list[Cohort]:
    """Make hospitals of ordinary patients, each with one of an age of its own."""

    def ages_at(k: int) -> Any:
        return np.concatenate([[ages[k]], np.full(39, 60.0)])

    return [
        cohort(f"s{k}", [0, 1] * 20, 1000 * k, age=ages_at(k), fever=[k % 2, *[0, 1] * 19, 0])
        for k in range(len(ages))
    ]


def test_cohorts_that_differ_at_another_hospital_only(tmp_path: Path) -> None:
    """No hospital has more than one of these patients, and each total is about three or four."""
    plans = [of_ages(97, 99), of_ages(98, 100), of_ages(97, 100)]
    place = town(tmp_path, plans[0], one_each(97, 98, 99, 100))
    left = ask_all(place, plans)
    assert len(left.finished) == 1
    assert left.codes == [{LOCAL_POLICY}] * 2
    assert "(rule D)" in reasons(place)
    assert left.smallest >= FLOOR
    place.close()


def rare_rows() -> list[Cohort]:
    """Two patients are in stage III, in two hospitals."""
    stages = [[2, *[0, 1] * 19, 1], [2, *[0, 1] * 19, 1], [0, 1] * 20]
    return [cohort(f"s{k}", [0, 1] * 20, 1000 * k, stage=one) for k, one in enumerate(stages)]


def nested_rows() -> list[Cohort]:
    """Beyond 80 are men, and two women at the first hospital."""
    rows = []
    for k in range(4):
        age, sex = np.full(40, 60.0), np.tile([0, 0, 1, 1], 10)
        age[[0, 1, 4, 5, *([2, 6] if k == 0 else [])]] = 90.0
        rows.append(cohort(f"s{k}", [0, 1] * 20, 1000 * k, age=age, sex=sex))
    return rows


def by_stage(name: str, rule: Literal["one-of", "none-of"]) -> Population:
    condition = Condition(variable="stage", rule=rule, levels=("III",))
    return Population(name=name, label=name, conditions=(condition,))


RARE = brief_plan().model_copy(
    update={
        "populations": (by_stage("rare", "one-of"), by_stage("rest", "none-of")),
        "subgroups": (Subgroup(variable="stage"),),
    }
)
NESTED = of_ages(18, 80).model_copy(update={"subgroups": (Subgroup(variable="sex"),)})


def test_a_rare_level_as_a_population_or_a_subgroup(tmp_path: Path) -> None:
    """Nobody is told of the two by themselves, nor of all the others."""
    place = town(tmp_path, RARE, rare_rows())
    left = ask_all(place, [RARE])
    (found,) = left.finished
    told = {one.name: one.reason for one in found.left_out}
    assert {"rare", "rest"} <= told.keys()
    assert "(rule D)" in told["rare"]
    assert not any("III" in str(level) for some in found.subgroups.values() for level in some)
    assert left.smallest >= FLOOR
    place.close()


def test_nested_subgroups(tmp_path: Path) -> None:
    """Women of all, and women up to an age that all but two of them have."""
    place = town(tmp_path, NESTED, nested_rows())
    left = ask_all(place, [NESTED])
    (found,) = left.finished
    assert {p.name for p in found.populations} == {"all", "aged"}
    (why,) = {one.reason for one in found.left_out if "sex=1" in one.name}
    assert "(rule D)" in why
    assert left.smallest >= FLOOR
    place.close()


@pytest.mark.parametrize(
    ("rule", "nothing"),
    [("permitted", dict[str, str]()), ("levels_apart", set[Any]())],
)
def test_without_a_rule_of_the_program_a_few_are_isolated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, nothing: Any
) -> None:
    """At the hospitals too, who replay the program."""
    monkeypatch.setattr(f"protocol.program.{rule}", lambda *_: nothing.copy())
    plan, rows = (RARE, rare_rows) if rule == "permitted" else (NESTED, nested_rows)
    place = town(tmp_path, plan, rows())
    assert ask_all(place, [plan]).smallest < FLOOR
    place.close()


def kinds(place: Town) -> set[str]:
    """List the kinds of steps that the first hospital answered, as its ledger has them."""
    found = set[str]()
    house = place.houses[SiteId("s0")]
    with house.ledger() as ledger:
        for line in ledger.lines(None, Kind.RELEASE):
            found |= {kind for _, kind in read_answer(line).trip.steps}
    return found


def test_a_nearly_saturated_model(tmp_path: Path) -> None:
    """Five columns for 36 patients: rule S3 asks for ten patients each, and nothing is fitted."""
    plan = small_plan("exact").model_copy(update={"designs": ()})
    place = town(tmp_path, plan, clinics(3, 12))
    left = ask_all(place, [plan])
    (found,) = left.finished
    assert isinstance(found.scores, NoFit)
    assert "rule S3" in found.scores.reason
    fitted = {"local-fit/1", "score/1"}
    assert not kinds(place) & fitted
    place.close()
    ample = town(tmp_path / "ample", plan, clinics(3, 40))
    ask_all(ample, [plan])
    assert kinds(ample) >= {"score/1"}
    ample.close()


def test_a_rare_level_is_no_column_of_a_model(tmp_path: Path) -> None:
    """Stage III of two hospitals only: a dummy's sums would be about its few patients."""
    plan = small_plan("exact").model_copy(update={"designs": ()})
    rows = list(clinics(3, 40))
    for k, own in enumerate(rows):
        stage = np.where(own.values["stage"] == 2, 1, own.values["stage"])
        stage[:1] = 2 if k < 2 else 0
        rows[k] = replace(own, values={**own.values, "stage": stage})
    place = town(tmp_path, plan, rows)
    (found,) = ask_all(place, [plan]).finished
    assert found.model is not None
    assert {one.level for one in found.model.columns if one.variable == "stage"} == {"II"}
    place.close()


def test_what_was_left_out_cannot_be_asked_for(tmp_path: Path) -> None:
    """The coordinator signs a question for one more table, or for no other than that."""
    place = town(tmp_path, RARE, rare_rows())
    run, house = drive(place), place.houses[SiteId("s0")]
    admitted(place, RARE)
    while not (isinstance(run.request, Advance) and wanted(run.request.trip)):
        run.go(1)
    asked = run.request
    last, kind = asked.trip.steps[-1]
    for steps in ((*asked.trip.steps, (last + 1, kind)), (asked.trip.steps[-1],) * 2):
        bent = Advance(asked.since, resigned(run, asked.trip, steps=steps))
        said = house.ask(bent)
        assert isinstance(said, Refusal)
        assert said.code == "trip-order"
    assert isinstance(house.ask(asked), Reply)
    place.close()


def wanted(trip: Trip) -> bool:
    return "outcome-table/1" in {kind for _, kind in trip.steps}
