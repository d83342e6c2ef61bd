"""What a node keeps, and what it lets nobody see: keys, withheld totals, values of records."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from protocol.ids import SiteId
from protocol.party import Hospital, begin
from protocol.requests import Abort
from protocol.secagg.site import Keyed
from site_node.commitment import input_commitments
from site_node.course import parts_of
from site_node.ledger import Kind
from tests.federation.cohorts import clinics
from tests.federation.table import short_plan
from tests.protocol.governance.parties import seed
from tests.site_node.office import drive
from tests.site_node.town import Town, town

S0 = SiteId("s0")


def test_the_keys_of_a_run_are_gone_when_it_ends(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    assert house.folder.keys(run.ctx).exists()
    fresh = house.folder.keys(run.ctx).read_bytes()
    assert b'"fresh":""' in fresh  # gone since the keys of the pairs are there
    run.go()
    assert [path.name for path in house.folder.runs.iterdir()] == ["head"]
    assert not any(
        secret in house.folder.ledger.read_bytes() for secret in (fresh[20:60], b"pairs")
    )


def test_withheld_totals_stay_out_of_the_ledger(tmp_path: Path) -> None:
    made = town(tmp_path, short_plan("standard"))
    run, house = drive(made), made.houses[S0]
    while not run.finished:
        made.close()  # resumes without those totals, too
        run.take(run.collect())
    sums = [parts_of(body)[1:] for body in house.bodies(Kind.RESULT)]
    assert any(not words for trip in sums for words in trip)
    assert any(words for trip in sums for words in trip)
    made.close()


def test_neither_ledger_nor_log_nor_refusal_holds_a_value_of_a_record(tmp_path: Path) -> None:
    """Ids and values that occur nowhere else are looked for in every byte that is kept."""
    ids = [b"CANARY%02d" % k for k in range(40)]
    cohorts = [
        replace(
            c,
            ids=np.array(ids, dtype="S8"),
            values={**c.values, "age": c.values["age"] * 0 + 57.03125},
        )
        for c in clinics(3, 40)
    ]
    made = town(tmp_path, cohorts=cohorts)
    run, house = drive(made).go(3), made.houses[S0]
    kept = house.folder.keys(run.ctx).read_bytes()
    run.go()
    house.refusal(abort_of_nothing())
    made.close()
    kept += house.log.getvalue().encode() + b"".join(a for said in run.said.values() for a in said)
    kept += b"".join(path.read_bytes() for path in house.config.state.rglob("*") if path.is_file())
    canaries = [*ids, b"57.03125", np.float64(57.03125).tobytes(), cohorts[0].secret]
    secrets = [canary for canary in canaries if canary in kept.replace(cohorts[0].secret, b"", 1)]
    assert secrets == []


def abort_of_nothing() -> Abort:
    return Abort(bytes(32)).sign(seed("office"))


def test_inputs_are_committed_to_and_can_be_opened_here(place: Town) -> None:
    """An audit at the hospital works the commitment out again from rows and secret."""
    run, house = drive(place).go(), place.houses[S0]
    (first, *_) = house.bodies(Kind.RELEASE)
    assert run.office is not None
    cohort = next(iter(house.snapshots.values())).cohort
    known = begin(place.plan, run.office.known.view)
    state = Keyed(known.view, S0, known.chain, seed("s0"), {})
    hospital = Hospital(cohort, state, known)
    assert parts_of(first)[2:] == input_commitments(hospital, hospital.numbers())
