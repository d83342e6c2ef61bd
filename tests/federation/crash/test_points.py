"""kill -9 at every named point, at hospitals, at the office, and at both in one run.

==================  =========================================================================
group               what it proves
==================  =========================================================================
hospitals           every hospital dies twice, each at a point of its own, and its unit starts
                    it again: I1-I4, I6, and the sums are those of an undisturbed run
the office          it dies there twice, over a journal in SQLite: the same
both                the office dies at its point and every hospital at one of its own, over a
                    journal in PostgreSQL: the same
anywhere            processes die at no named point, again and again, in a study with a coin
                    and a lottery: the same
==================  =========================================================================

Points are taken from the two enums, so a new one is tested by being named. Runs are in real
processes that talk over TLS on the loopback; see `lives` and `cluster`.
"""

import random
import signal
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from coordinator.journal import Journal
from coordinator.points import Point as OfficePoint
from site_node.points import Point
from tests.federation.crash.cluster import cluster, running
from tests.federation.crash.ground import Ground, copied
from tests.federation.crash.invariants import require_sound
from tests.federation.crash.lives import Death
from tests.postgres import new_database

KILLED = {-9}
SITE_POINTS = list(Point)
STEP = -(-len(SITE_POINTS) // 3)
THREES = [tuple(islice(cycle(SITE_POINTS), first, first + 3 * STEP, STEP)) for first in range(STEP)]
PAIRS = [*zip(Point, islice(cycle(OfficePoint), len(Point)), strict=True)]


def asks(journal: Journal, trip: int) -> bool:
    return journal.row().trip >= trip


def each_dies(ground: Ground, point: Point) -> dict[Any, list[Death]]:
    """Let the hospitals die at a point: the first at its first passing, and so on."""
    return {site: [Death(point, place)] for place, site in enumerate(ground.sites, 1)}


@pytest.mark.parametrize("points", THREES, ids=" ".join)
def test_hospitals_die(ground: Ground, points: tuple[Point, ...], sums: Any) -> None:
    """Each hospital at a point of its own, and again when its next life comes there twice."""
    deaths = {
        site: [Death(point), Death(point, 2)]
        for site, point in zip(ground.sites, points, strict=True)
    }
    made = cluster(ground, site_deaths=deaths)
    with running(made) as (_, journal):
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, sums)
    assert [set(machine.ends) for machine in made.sites.values()] == [KILLED] * len(points)
    assert made.office.ends == []


@pytest.mark.parametrize("point", OfficePoint)
def test_the_office_dies(ground: Ground, point: OfficePoint, sums: Any) -> None:
    made = cluster(ground, [Death(point), Death(point, 2)])
    with running(made) as (_, journal):
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, sums)
    assert set(made.office.ends) == KILLED


@pytest.mark.parametrize(("point", "office_point"), PAIRS)
def test_both_die(
    ground_with: Callable[[str], Ground],
    postgres: Path,
    point: Point,
    office_point: OfficePoint,
    sums: Any,
) -> None:
    ground = ground_with(new_database(postgres))
    made = cluster(ground, [Death(office_point)], each_dies(ground, point))
    with running(made) as (_, journal):
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, sums)
    assert made.office.killed == 1
    first, *_ = made.sites.values()
    assert first.ends == [-9]


def test_processes_die_anywhere(whole: Ground, whole_sums: Any, tmp_path: Path) -> None:
    """Another of them whenever something came in, at whatever instruction it is just then."""
    ground, chosen = copied(whole, tmp_path / "federation"), random.Random(1)
    made = cluster(ground)
    with running(made) as (_, journal):
        for trip in range(1, 13):
            made.until(partial(asks, journal, trip))
            Event().wait(chosen.uniform(0, 0.1))
            for machine in chosen.sample(made.machines, 2):
                machine.signal(signal.SIGKILL)
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, whole_sums)
    # Some were just dead when they were to be killed, on a machine that is slow to start them.
    assert sum(machine.killed for machine in made.machines) >= 12


def test_no_point_is_forgotten() -> None:
    assert {point for points in THREES for point in points} == set(Point)
    assert {point for point, _ in PAIRS} == set(Point)
    assert {point for _, point in PAIRS} == set(OfficePoint)
