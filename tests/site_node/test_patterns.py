"""Rule D across the runs of a ledger: kept in files that its lines name, and enforced."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import Cohort, complete_cases
from protocol.disclosure_site import Tighter
from protocol.requests import LOCAL_POLICY, Refusal
from protocol.secagg.messages import Reply
from protocol.steps.describe import Describe
from protocol.steps.population import Complete
from site_node.folder import FILE_MODE
from site_node.gate import HeldBackError
from site_node.ledger import Kind, LedgerError
from site_node.patterns import Patterns
from tests.federation.table import short_plan
from tests.site_node.office import Drive, drive
from tests.site_node.town import House, Town, town

FIRST_DATA_TRIP = 2
OPEN_AND_LOCK = 2
"""Rounds without patient data: the opening and the lock."""


@pytest.fixture
def house(place: Town) -> House:
    return next(iter(place.houses.values()))


def without(cohort: Cohort, rows: NDArray[np.intp]) -> Cohort:
    """Drop some rows, as a refreshed extract may."""
    return replace(
        cohort,
        ids=np.delete(cohort.ids, rows),
        arm=np.delete(cohort.arm, rows),
        values={name: np.delete(array, rows) for name, array in cohort.values.items()},
        rows=cohort.rows - len(rows),
    )


def refresh(house: House, rows: int) -> None:
    """Give a hospital another extract, and start it anew."""
    house.stop()
    house.snapshots = {
        name: replace(one, cohort=without(one.cohort, np.arange(rows)))
        for name, one in house.snapshots.items()
    }


def second(place: Town) -> Drive:
    """Bring another run of the same plan to its first question about patients."""
    return drive(place, "second").go(OPEN_AND_LOCK)


def test_a_run_writes_down_who_was_in_which_cohort(place: Town, house: House) -> None:
    drive(place).go()
    ids = next(iter(house.snapshots.values())).cohort.ids
    with house.ledger() as ledger:
        lines = list(ledger.lines(None, Kind.PATTERNS))
        assert lines[0].trip == FIRST_DATA_TRIP
        for line in lines:
            assert line.body is not None
            path = house.folder.path / "patterns" / line.body.hex()
            assert path.stat().st_mode & 0o777 == FILE_MODE
            assert not any(bytes(one) in path.read_bytes() for one in ids.tolist() if len(one) > 3)


def test_the_same_run_again_adds_no_pattern(place: Town, house: House) -> None:
    drive(place).go()
    again = drive(place, "second").go()
    assert again.finished
    with house.ledger() as ledger:
        of_run: dict[bytes, list[bytes | None]] = {}
        for line in ledger.lines(None, Kind.PATTERNS):
            of_run.setdefault(line.ctx, []).append(line.body)
    one, other = of_run.values()
    assert one == other  # the same files, named twice


@pytest.mark.parametrize("dropped", [1, 2])
def test_a_refreshed_extract_is_refused_before_its_first_number(
    place: Town, house: House, dropped: int
) -> None:
    drive(place).go()
    refresh(house, dropped)
    run = second(place)
    said = run.collect()[house.config.site]
    assert isinstance(said, Refusal)
    assert said.code == LOCAL_POLICY
    assert "rule D" in house.log.getvalue()
    others = [one for site, one in run.collect().items() if site != house.config.site]
    assert all(isinstance(one, Reply) for one in others)


def test_larger_differences_are_let_through(tmp_path: Path) -> None:
    """Three complete cases of each arm are gone: nobody of them is known by the difference."""
    plan = short_plan().model_copy(update={"subgroups": (), "populations": ()})
    place = town(tmp_path, plan)
    drive(place).go()
    house = next(iter(place.houses.values()))
    (snapshot,) = house.snapshots.values()
    whole = complete_cases(plan, snapshot.cohort)
    gone = np.concatenate([np.flatnonzero(whole & (snapshot.cohort.arm == a))[:3] for a in (0, 1)])
    with house.ledger() as ledger:
        patterns = Patterns(house.folder, ledger)
        patterns.require_planned(plan, without(snapshot.cohort, gone), Tighter())
        with pytest.raises(HeldBackError, match="fewer than 4 patients"):
            patterns.require_planned(
                plan, without(snapshot.cohort, gone), Tighter(difference_floor=4)
            )
        with pytest.raises(HeldBackError, match="fewer than 3 patients"):
            patterns.require_planned(plan, without(snapshot.cohort, gone[1:]), Tighter())


def test_a_hospitals_own_floor_binds(place: Town, house: House) -> None:
    """What the profile would let pass is refused where the hospital asks for more."""
    drive(place).go()
    refresh(house, 12)
    house.config = replace(house.config, tighter=Tighter(difference_floor=40))
    said = second(place).collect()[house.config.site]
    assert isinstance(said, Refusal)
    assert "fewer than 40 patients" in house.log.getvalue()


def test_a_file_that_was_changed_or_lost_is_told(place: Town, house: House) -> None:
    drive(place).go()
    (snapshot,) = house.snapshots.values()
    with house.ledger() as ledger:
        patterns = Patterns(house.folder, ledger)
        patterns.require_planned(snapshot.plan, snapshot.cohort, Tighter())
        path = sorted((house.folder.path / "patterns").iterdir())[0]
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(LedgerError, match="is not as it was written"):
            patterns.require_planned(snapshot.plan, snapshot.cohort, Tighter())
        path.unlink()
        with pytest.raises(LedgerError, match="cannot be read"):
            patterns.require_planned(snapshot.plan, snapshot.cohort, Tighter())


def test_another_secret_names_patients_otherwise(place: Town, house: House) -> None:
    """Without the hospital's secret nobody can look for a patient's id in the files."""
    drive(place).go()
    (snapshot,) = house.snapshots.values()
    stranger = replace(snapshot, cohort=replace(snapshot.cohort, secret=bytes(32)))
    step = Describe(snapshot.plan, Complete(snapshot.plan))
    with house.ledger() as ledger:
        patterns = Patterns(house.folder, ledger)
        (first, *_) = ledger.lines(None, Kind.PATTERNS)
        (own,) = patterns.entries(first.ctx[::-1], 2, snapshot, (step,), Tighter())
        assert own.body == first.body  # the same patients in the same cohorts
        (other,) = patterns.entries(first.ctx[::-1], 2, stranger, (step,), Tighter())
    size = 4 + 32 * snapshot.cohort.size
    one, two = (
        (house.folder.path / "patterns" / entry.body.hex()).read_bytes()[4:size]
        for entry in (own, other)
    )
    assert not {one[k : k + 32] for k in range(0, len(one), 32)} & {
        two[k : k + 32] for k in range(0, len(two), 32)
    }
