"""Small federations for the tests: drawn at random with all that goes wrong, or well behaved.

`small_plan` has one of everything; `federations` draws hospitals with one arm, one patient, no
event, nothing but ties; `clinics` is a federation in which the whole study can be done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.cohort import Cohort, enrol
from protocol.ids import SiteId, site_id
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.play import Answers, Play, Trip
from protocol.program import Findings, study
from protocol.question import Answer, AnyStep, Opened, Record, Step
from protocol.secagg.block import pack, unpack
from protocol.secagg.encoding import Words
from protocol.secagg.masks import add
from protocol.secagg.messages import Block, Contribution
from protocol.steps.coin import CoinTerms
from protocol.steps.lock import Lock
from riskset.plans import read_builtin
from riskset.synthetic.packaged import frozen
from site_node.data.check import read_extract

L = TypeVar("L")
T = TypeVar("T")

ROSTER = b"r" * 32
"""A roster's digest, where no roster is needed."""

HABITS = ("mixed", "mixed", "one arm", "nobody treated", "no event", "ties", "censored", "missing")
"""What may be odd about a hospital."""


@cache
def small_plan(profile: str = "open") -> Plan:
    """Read the small plan under a profile."""
    text = (Path(__file__).parent / "small.toml").read_text(encoding="utf-8")
    return read_plan(text.replace('profile = "exact"', f'profile = "{profile}"'), "small.toml")


def changed(plan: Plan, section: str, **values: Any) -> Plan:
    """Change some keys of one of a plan's tables."""
    part = getattr(plan, section)
    return plan.model_copy(update={section: part.model_copy(update=values)})


def with_design(plan: Plan, **values: Any) -> Plan:
    """Change the plan's first design, and drop the others."""
    return plan.model_copy(update={"designs": (plan.designs[0].model_copy(update=values),)})


@cache
def crlm() -> tuple[Plan, tuple[Cohort, ...]]:
    """Read the seed study: its plan and its seven hospitals, in the packaged order."""
    plan = read_plan(read_builtin("crlm"), "crlm.toml")
    cohorts = [
        enrol(plan, site_id(name.removesuffix(".csv")), read_extract(path, plan).extract, key(name))
        for name, path in frozen().items()
    ]
    return plan, tuple(cohorts)


def key(name: str) -> bytes:
    """Make a hospital's secret."""
    return name.encode().ljust(32, b"\0")[:32]


def cohort(name: str, arm: Sequence[int], first_id: int = 0, **values: Any) -> Cohort:
    """Make a hospital of the small plan; whatever is not given is ordinary and complete."""
    size = len(arm)
    ordinary: Mapping[str, Any] = {
        "age": np.full(size, 60.0),
        "marker": np.full(size, 5.0),
        "stage": np.zeros(size),
        "sex": np.zeros(size),
        "weight": np.ones(size),
        "timing": 1 - np.asarray(arm),
        "days": np.full(size, 30),
        "status": np.zeros(size),
        "fever": np.zeros(size),
    }
    types = dict.fromkeys(("age", "marker", "weight"), "f8") | {
        "days": "i4",
        "sex": "i1",
        "fever": "i1",
    }
    return Cohort(
        site=site_id(name),
        ids=np.array([f"p{first_id + k}".encode() for k in range(size)], dtype="S8"),
        arm=np.asarray(arm, dtype=np.int8),
        values={
            variable: np.asarray(values.get(variable, usual)).astype(types.get(variable, "i2"))
            for variable, usual in ordinary.items()
        },
        excluded=(0, 0, 0),
        rows=size,
        secret=key(name),
    )


def hospital(name: str, size: int, habit: str, seed: int, first_id: int = 0) -> Cohort:
    """Draw a hospital: a treatment that depends on covariates, and one oddity."""
    random = np.random.default_rng([seed, *name.encode()])
    age = np.round(random.normal(60, 10, size).clip(18, 100))
    marker = random.lognormal(1.5, 1.0, size).clip(0.1, 500)
    stage, sex = random.integers(0, 3, size), random.integers(0, 2, size)
    tendency = 0.03 * (age - 60) + 0.3 * (np.log(marker) - 1.5) + 0.3 * (stage == 1) - 0.2
    arm = (random.random(size) < 1 / (1 + np.exp(-tendency))).astype(int)
    days, status = random.integers(1, 61, size), random.choice(3, size, p=[0.4, 0.4, 0.2])
    match habit:
        case "one arm":
            arm[:] = 1
        case "nobody treated":
            arm[:] = 0
        case "no event":
            status[:] = 0
        case "censored":
            status[:], days = 0, np.full(size, 60)
        case "ties":
            days, status = np.full(size, 20), np.ones(size, dtype=int)
        case "missing":
            age[random.random(size) < 0.3] = np.nan
            stage = np.where(random.random(size) < 0.2, -1, stage)
            days = np.where(random.random(size) < 0.3, -1, days)
    fever = random.integers(-1, 2, size)
    weight = random.uniform(0.2, 4.0, size)
    if habit != "sound":
        weight[random.random(size) < 0.1] = np.nan
    columns = {"age": age, "marker": marker, "stage": stage, "sex": sex, "weight": weight}
    outcome = {"days": days, "status": status, "fever": fever}
    drawn = cohort(name, [int(x) for x in arm], first_id, **columns, **outcome)
    return replace(drawn, excluded=(1, 0, int(size % 3)), rows=size + 1 + size % 3)


@st.composite
def federations(draw: st.DrawFn, most: int = 14) -> list[Cohort]:
    """Draw 3 to 6 hospitals of the small plan, each with 1 to `most` patients."""
    habits = draw(st.lists(st.sampled_from(HABITS), min_size=3, max_size=6))
    seed = draw(st.integers(0, 2**16))
    sizes = [draw(st.integers(1, most)) for _ in habits]
    return [
        hospital(f"s{k}", size, habit, seed, first_id=1000 * k)
        for k, (size, habit) in enumerate(zip(sizes, habits, strict=True))
    ]


@cache
def clinics(hospitals: int = 4, size: int = 40, seed: int = 1) -> tuple[Cohort, ...]:
    """Draw hospitals that are large enough for the whole study under profile `exact`."""
    return tuple(
        hospital(f"s{k}", size, "sound", seed, first_id=1000 * k) for k in range(hospitals)
    )


def pool(sites: Sequence[Cohort]) -> Cohort:
    """Put all patients into one hospital, in the order of the hospitals."""
    first = sites[0]
    totals = [tuple(site.excluded) for site in sites]
    return Cohort(
        site=site_id("pooled"),
        ids=np.concatenate([site.ids for site in sites]),
        arm=np.concatenate([site.arm for site in sites]),
        values={n: np.concatenate([site.values[n] for site in sites]) for n in first.values},
        excluded=tuple(sum(column) for column in zip(*totals, strict=True)),
        rows=sum(site.rows for site in sites),
        secret=key("pooled"),
    )


def part(whole: Cohort, name: str, rows: NDArray[np.intp]) -> Cohort:
    """Make a hospital of some of another's patients; rows that were excluded stay behind."""
    return replace(
        whole,
        site=site_id(name),
        ids=whole.ids[rows],
        arm=whole.arm[rows],
        values={variable: array[rows] for variable, array in whole.values.items()},
        excluded=(0,) * len(whole.excluded),
        rows=len(rows),
        secret=key(name),
    )


def spread(whole: Cohort, hospitals: int, seed: int) -> list[Cohort]:
    """Spread the patients of one hospital over several, anyhow."""
    to = np.random.default_rng(seed).integers(0, hospitals, whole.size)
    return [part(whole, f"t{k}", np.flatnonzero(to == k)) for k in range(hospitals)]


def opened(step: AnyStep, sites: Sequence[Cohort]) -> Opened:
    """Add up what the hospitals release, as the protocol does, but without masks."""
    layout = step.layout()
    block = Block(1, step.name, layout, b"", lock=not layout.fields)
    total = np.zeros(block.length * block.width // 64, dtype=np.uint64)
    for site in sites:
        add(total, _words(block, step, site, len(sites)), block.width)
    found = unpack(block, bytes(32), len(sites), total)
    said = {site.site: text for site in sites if (text := step.statement(site))}
    names = tuple(sorted(site.site for site in sites))
    return Opened(found.sums, names, found.patients, found.flags, said)


def _words(block: Block, step: AnyStep, site: Cohort, sites: int) -> Words:
    own = Contribution({}, 0) if block.lock else Contribution(step.local(site), site.size)
    return pack(block, bytes(32), sites, own)


def ask(step: Step[L], sites: Sequence[Cohort]) -> L:
    """Ask one step of some hospitals and return what is learnt."""
    return step.learn(opened(step, sites))


@dataclass(frozen=True, eq=False)
class Walked:
    """A program that was walked through without masks: its trips, their answers, its end."""

    trips: tuple[Trip, ...]
    answers: tuple[Answers, ...]
    findings: Findings

    @property
    def record(self) -> Record:
        """All answers, as results read them."""
        return Record([answer for trip in self.answers for answer in trip])

    @property
    def questions(self) -> list[tuple[str, tuple[int | str, ...]]]:
        """Names and keys of all steps, in the order asked."""
        return [(step.name, step.key()) for trip in self.trips for step in trip]


def run_through(play: Play[T], sites: Sequence[Cohort]) -> tuple[list[Trip], list[Answers], T]:
    """Answer a play's questions without masks until it ends."""
    trips: list[Trip] = []
    answers: list[Answers] = []
    try:
        trip = next(play)
        while True:
            trips.append(trip)
            answers.append(tuple(Answer(step, opened(step, sites)) for step in trip))
            trip = play.send(answers[-1])
    except StopIteration as end:
        return trips, answers, end.value


def walk(plan: Plan, sites: Sequence[Cohort]) -> Walked:
    """Walk through a whole study without masks."""
    trips, answers, findings = run_through(study(plan, ROSTER), sites)
    return Walked(tuple(trips), tuple(answers), findings)


def terms_of(plan: Plan, sites: Sequence[Cohort]) -> CoinTerms:
    """Bind a coin to a plan and the hospitals' extracts."""
    extracts: Mapping[SiteId, bytes] = ask(Lock(), sites)
    return CoinTerms(plan_digest(plan), ROSTER, tuple(extracts.items()))
