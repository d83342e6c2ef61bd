"""Sums that are chosen, bent or opened by colluders, and bytes that want to be code: at nodes."""

import pickle
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.governance.identity import sign
from protocol.ids import SiteId
from protocol.requests import Advance, ClosedTrip, Propose, Refusal
from protocol.secagg.block import SumError
from protocol.secagg.masks import mask_key, mask_words, subtract
from protocol.secagg.messages import MaskedVector, Reply
from protocol.wire import codec
from site_node.keys import read_keys
from site_node.ledger import LedgerError
from tests.federation.cohorts import clinics, small_plan
from tests.protocol.governance.parties import seed
from tests.site_node.office import Drive, drive, resigned
from tests.site_node.town import House, Town, proposal, town

S0, S1, S2, S3 = map(SiteId, ("s0", "s1", "s2", "s3"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path / "town", cohorts=clinics(4, 40))
    yield made
    made.close()


def code(house: House, asked: Any) -> str:
    raw = asked if isinstance(asked, bytes) else codec.encode_request(asked)
    said = codec.decode_reply(house.handle(raw))
    return said.code if isinstance(said, Refusal) else ""


def fits(run: Drive) -> bool:
    asked = run.request
    return isinstance(asked, Advance) and "score/1" in {kind for _, kind in asked.trip.steps}


def test_coefficients_cannot_be_chosen(tmp_path: Path) -> None:
    """A question has none: they follow from sums, and one that is bent by its last bit is seen."""
    plan = small_plan("exact").model_copy(update={"designs": ()})
    place = town(tmp_path, plan, clinics(3, 40))
    run, house = drive(place), place.houses[S0]
    while not fits(run):
        run.go(1)
    run.go(1)
    asked = run.request
    assert isinstance(asked, Advance)
    assert isinstance(asked.since, ClosedTrip)
    uploads = {step: dict(of_all) for step, of_all in asked.since.uploads.items()}
    step = max(uploads)
    for place_of_bit in (0, 8 * len(uploads[step][S1].words) - 1):
        bent = flipped(uploads[step][S1], place_of_bit)
        lie = ClosedTrip(asked.since.result, {**uploads, step: {**uploads[step], S1: bent}})
        assert code(house, Advance(lie, asked.trip)) == "signature"
    result = asked.since.result
    moved = replace(result.steps[-1], total_digest=seed("another total"))
    lie = ClosedTrip(resigned(run, result, steps=(*result.steps[:-1], moved)), uploads)
    assert code(house, Advance(lie, asked.trip)) == "sum-refused"
    other = resigned(run, asked.trip, chain=seed("after other totals"))
    assert code(house, Advance(asked.since, other)) == "trip-order"
    assert isinstance(house.ask(asked), Reply)
    place.close()


def flipped(vector: MaskedVector, bit: int) -> MaskedVector:
    words = bytearray(vector.words)
    words[bit // 8] ^= 1 << bit % 8
    return replace(vector, words=bytes(words))


@pytest.mark.parametrize("lane", [0, 1, 2], ids=["counter", "question", "patients"])
def test_a_hospital_that_bends_its_answer_and_signs_it(place: Town, lane: int) -> None:
    """Out of bounds or against itself it is found before anybody builds on it."""
    run = drive(place).go(2)
    replies = {site: said for site, said in run.collect().items() if isinstance(said, Reply)}
    own = replies[S0].vectors[0]
    words = np.frombuffer(own.words, "<u8").copy()
    words[lane] += np.uint64(2**40)
    bent = replace(own, words=words.tobytes())
    assert run.office is not None
    view = run.office.known.view
    signature = sign(seed(S0), *bent.upload.signed(view, own.step, own.sd))
    lie = replace(
        replies[S0], vectors=(replace(bent, signature=signature), *replies[S0].vectors[1:])
    )
    with pytest.raises(SumError):
        run.office.close({**replies, S0: lie}, lambda: bytes(32))
    run.office.close(replies, lambda: bytes(32))


def test_two_honest_hospitals_stay_hidden_from_all_others(place: Town) -> None:
    """Two of four give the coordinator their folders; with a third the last one lies open."""
    run, house = drive(place).go(2), place.houses[S0]
    said = codec.decode_reply(run.deliver(S0))
    assert isinstance(said, Reply)
    vector = said.vectors[0]
    block = run.office.known.blocks[0] if run.office else None
    assert block is not None
    left = np.frombuffer(vector.words, "<u8").copy()
    for other, theirs in ((S2, False), (S3, False), (S1, True)):
        keys = read_keys(place.houses[other].folder.keys(run.ctx))
        assert keys is not None
        mask = mask_words(mask_key(keys.pairs[S0], vector.sd, S0, other), len(left))
        subtract(left, mask, block.width)  # s0 comes before the others: it added their masks
        patients = house.snapshots[next(iter(house.snapshots))].cohort.size
        # The first lanes count the hospital and its patients.
        assert ((left[0], left[2]) == (1, patients)) is theirs


class Marker:
    """What leaves a file behind where somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_bytes_that_want_to_be_code_or_a_path(place: Town, tmp_path: Path) -> None:
    """In every place where a coordinator has bytes or words of its own choice."""
    mark, house = tmp_path / "marked", place.houses[S0]
    bait = pickle.dumps(Marker(mark))
    pickle.loads(bait)  # noqa: S301 - the bait bites
    assert mark.exists()
    mark.unlink()
    house.handle(b"")
    before = files(tmp_path)
    script = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    honest = proposal(place.plan, place.roster)
    paths = [
        f"../../{mark.name}",
        str(mark),
        f"..\\{mark.name}",
        f"{mark.name}\0",
        f"~/{mark.name}",
    ]
    for words in (bait, script.encode(), *map(str.encode, paths)):
        assert code(house, words) == "message"
        assert code(house, place.opening(plan=words)) in {"local-policy", "message", "plan"}
        for lie in (replace(honest, plan=words), replace(honest, signer=words)):
            assert code(house, Propose(lie)) in {"signature", "message", "roster"}
        named = place.opening(program=words.decode("latin-1"))
        assert code(house, named) in {"program-version", "message"}
    assert files(tmp_path) - before == set()


def files(folder: Path) -> set[Path]:
    """List all files but those that SQLite keeps beside its database."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entries SET body = x'00' WHERE kind = 'release'",
        "DELETE FROM entries WHERE kind = 'release'",
        "DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)",
        "UPDATE entries SET kind = 'note' WHERE kind = 'opened'",
    ],
)
def test_a_ledger_that_an_insider_edited_stops_its_node(place: Town, sql: str) -> None:
    drive(place).go(4)
    house = place.houses[S0]
    house.stop()
    database = sqlite3.connect(house.folder.ledger)
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        database.execute(f'DROP TRIGGER "{trigger}"')
    database.execute(sql)
    database.commit()
    database.close()
    with pytest.raises(LedgerError):
        house.start()
