"""The readers' form: what may be published and no more, and nothing in it gives more away.

Whoever has it knows the plan, the layout of every sum, and may know every patient but one. What
such a reader could try is tried here, with the true sums as the best of all guesses.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from coordinator.bundle import names
from coordinator.bundle.for_readers import commit, read_salts, read_sums
from coordinator.bundle.reader import open_bundle
from coordinator.recompute import recompute
from coordinator.report.edition import PUBLICATION, edition_texts
from coordinator.verify import verify
from protocol.canonical import canonical_json
from protocol.ids import SiteId
from protocol.results import results
from protocol.results.publication import publish
from protocol.run import Played
from protocol.secagg.messages import total_digest
from tests.coordinator.bundle.made import (
    Members,
    ctx_of,
    fault_of,
    flipped,
    listed,
    members_of,
    opened,
    sealed,
    verdict_of,
)

HEX = re.compile(rb"[0-9a-f]{64,}")


def as_reader_seal(members: Members, played: Played) -> Members:
    """Seal a changed form with the coordinator's own key."""
    return sealed(members, ctx_of(played))


# ---- What it holds ----


def test_it_holds_what_is_published_and_no_vector(
    full: Path, readers: Members, played: Played
) -> None:
    texts = edition_texts(publish(results(played)))
    inside = {n.removeprefix("results/"): b for n, b in readers.items() if n.startswith("results/")}
    assert {name: text.encode() for name, text in texts.items()} == inside
    folders = {name.partition("/")[0] for name in readers if "/" in name}
    assert folders == {"results", "rosters", "run", "totals", "trips"}
    assert not [n for n in readers if n.endswith(("result.json", "salts.json", "index.json"))]
    data_free = [names.total(one.block.step) for one in played.asked if one.block.lock]
    assert [n for n in readers if n.startswith("totals/")] == data_free
    whole = members_of(full)
    shared = {name for name in whole if names.shared(name)}
    assert shared == {name for name in readers if names.shared(name)} > {names.PLAN, names.KEYS}
    assert all(whole[name] == readers[name] for name in shared)


def test_every_check_holds_and_what_is_unchecked_is_said(readers: Members, tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, readers)
    assert verdict.holds
    assert not verdict.complete
    said = {tick.what: tick for tick in verdict.ticks}
    assert said["Sums"].found.startswith("1 without a patient's data")
    assert "nothing here was added up again" in said["Sums"].unchecked
    assert said["Questions"].unchecked
    assert said["Results"].unchecked


def test_recompute_lays_out_and_claims_no_number(readers: Members, tmp_path: Path) -> None:
    with opened(tmp_path / "x.zip", readers) as bundle:
        found = recompute(bundle)
    assert found.holds
    assert found.numbers == (0, 0)
    assert "no number was worked out" in found.unchecked
    assert {one.what for one in found.compared} == {"cells", "figures"}
    found.write(tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == readers[f"results/{path.name}"]


# ---- What it gives away: nothing ----


def candidates(total: bytes, salts: list[bytes], step: int) -> Iterator[bytes]:
    """Hash a sum in every way in which a run or a bundle ever does, with every salt at hand."""
    yield hashlib.sha256(total).digest()
    for salt in (b"", bytes(32), *salts):
        yield total_digest(total, salt)
        yield commit(step, salt, total)
        yield hashlib.sha256(salt + total).digest()


def shown_digests(members: Members) -> set[bytes]:
    """List all 32 bytes in hex of all members, at each place of longer ones."""
    found = set[bytes]()
    for body in members.values():
        for text in HEX.findall(body):
            found |= {
                bytes.fromhex(text[at : at + 64].decode()) for at in range(0, len(text) - 63, 2)
            }
    return found


def test_no_guess_can_be_tried_not_even_the_true_sum(full: Path, readers: Members) -> None:
    """No hash in the file is of a withheld sum, under no salt that the file has."""
    whole, shown = members_of(full), shown_digests(readers)
    summed = read_sums(readers[names.SUMS])
    salts = [one.salt for one in summed if one.salt] + sorted(shown)[:50]
    for one in (one for one in summed if not one.salt):
        total = whole[names.total(one.step)]
        assert shown.isdisjoint(candidates(total, salts, one.step))
    # The trial itself works: with its salt, a sum is found at once.
    step, salt = summed[-1].step, read_salts(whole[names.READER_SALTS])[-1]
    assert commit(step, salt, whole[names.total(step)]) in shown


def test_brute_force_over_small_counts_finds_nothing(full: Path, readers: Members) -> None:
    """Who knows all of a sum but two small cells tries them all; only with the salt it works."""
    whole = members_of(full)
    summed = {one.kind: one for one in read_sums(readers[names.SUMS])}
    one, salts = summed["flow/1"], read_salts(whole[names.READER_SALTS])
    total = np.frombuffer(whole[names.total(one.step)], dtype="<u8")
    cells = np.flatnonzero(total[4:] < 12)[:2] + 4

    def hits(salt: bytes) -> list[tuple[int, ...]]:
        found = []
        for guess in product(range(12), repeat=len(cells)):
            words = total.copy()
            words[cells] = guess
            if commit(one.step, salt, words.tobytes()) == one.commitment:
                found.append(guess)
        return found

    lock = summed["lock/1"]
    assert [hits(salt) for salt in (b"", bytes(32), lock.salt, one.commitment)] == [[]] * 4
    assert hits(salts[one.step - 1]) == [tuple(int(n) for n in total[cells])]


def test_nothing_of_the_chain_can_be_tried(full: Path, readers: Members, played: Played) -> None:
    """Signed results would name sums by bare hashes: their parts are nowhere, nor is a vector."""
    shown, text = shown_digests(readers), b"".join(readers.values())
    assert played.proof is not None
    for kept in played.proof.trips():
        assert kept.result.digest not in shown
        assert kept.result.signature.hex().encode() not in text
        for step in kept.result.steps:
            assert step.total_digest not in shown
            for upload in step.uploads:
                assert upload.sha256 not in shown
                assert upload.signature.hex().encode() not in text
    whole = members_of(full)
    for name in whole:
        if name.startswith(("vectors/", "results/results.json")):
            assert whole[name] not in text
    salts = read_salts(whole[names.READER_SALTS])
    for one, salt in zip(read_sums(readers[names.SUMS]), salts, strict=True):
        assert (salt.hex().encode() in text) is bool(one.salt)


def test_salts_differ_by_step_and_run(full: Path, played: Played) -> None:
    salts = read_salts(members_of(full)[names.READER_SALTS])
    assert len(set(salts)) == len(salts) == len(played.asked)
    assert {len(salt) for salt in salts} == {32}


# ---- What was changed in it shows ----


def test_a_flipped_byte_in_any_member_shows(readers: Members, tmp_path: Path) -> None:
    for name, body in readers.items():
        forged = {**readers, name: flipped(body, len(body) // 2)}
        assert fault_of(tmp_path, forged)


def test_without_the_key_no_page_is_exchanged(readers: Members, tmp_path: Path) -> None:
    for name in (names.REPORT, names.PUBLICATION, "results/estimates.csv", names.SUMS):
        forged = listed({**readers, name: readers[name] + b"\n"})
        assert fault_of(tmp_path, forged).startswith("seal.json")


def test_a_swapped_salt_or_total_is_found_even_if_sealed(
    readers: Members, tmp_path: Path, played: Played
) -> None:
    summed = json.loads(readers[names.SUMS])
    other = [{**one, "salt": "11" * 32} if one["salt"] else one for one in summed]
    forged = as_reader_seal({**readers, names.SUMS: canonical_json(other)}, played)
    assert "has another salt" in fault_of(tmp_path, forged)
    lock = names.total(1)
    forged = as_reader_seal({**readers, lock: flipped(readers[lock], 8)}, played)
    assert "is not the sum that was committed to" in fault_of(tmp_path, forged)
    swapped = [summed[0], *summed[2:0:-1], *summed[3:]]
    forged = as_reader_seal({**readers, names.SUMS: canonical_json(swapped)}, played)
    assert fault_of(tmp_path, forged) == "sums.json: lists other steps than were asked"


def test_a_lock_that_never_cancelled_is_found(
    readers: Members, tmp_path: Path, played: Played
) -> None:
    """A commitment to a false sum fits it, and its lanes do not."""
    summed = json.loads(readers[names.SUMS])
    false = flipped(readers[names.total(1)], 8)
    salt = bytes.fromhex(summed[0]["salt"])
    summed[0]["commitment"] = commit(1, salt, false).hex()
    forged = {**readers, names.total(1): false, names.SUMS: canonical_json(summed)}
    assert fault_of(tmp_path, as_reader_seal(forged, played)).startswith("totals/000001.bin")


def test_no_sum_with_patients_is_slipped_in(
    readers: Members, full: Path, tmp_path: Path, played: Played
) -> None:
    whole = members_of(full)
    summed, salts = json.loads(readers[names.SUMS]), read_salts(whole[names.READER_SALTS])
    place = next(k for k, one in enumerate(summed) if not one["salt"])
    name = names.total(summed[place]["step"])
    loose = as_reader_seal({**readers, name: whole[name]}, played)
    assert fault_of(tmp_path, loose) == f"{name}: belongs to no commitment"
    summed[place] |= {"salt": salts[place].hex(), "total": name}
    forged = {**readers, name: whole[name], names.SUMS: canonical_json(summed)}
    told = fault_of(tmp_path, as_reader_seal(forged, played))
    assert told == f"{name}: is a sum with patients in it, which no reader gets"


@pytest.mark.parametrize(
    "name", ["results/results.json", "totals/index.json", "trips/00001/result.json", "reader.zip"]
)
def test_members_of_the_other_form_are_refused(name: str, readers: Members, tmp_path: Path) -> None:
    told = fault_of(tmp_path, listed({**readers, name: b"{}"}))
    assert told == f"{name}: this form of the bundle has no such member"
    told = fault_of(tmp_path, listed({**readers, names.vector(2, SiteId("a")): b""}))
    assert "no such member" in told


def test_questions_left_out_or_of_another_order(
    readers: Members, tmp_path: Path, played: Played
) -> None:
    last = names.trip(max(one.trip for one in played.asked), "request")
    cut = {n: b for n, b in readers.items() if n != last}
    assert "lists other steps" in fault_of(tmp_path, as_reader_seal(cut, played))
    one, other = names.trip(2, "request"), names.trip(3, "request")
    swapped = {**readers, one: readers[other], other: readers[one]}
    assert fault_of(tmp_path, as_reader_seal(swapped, played)).startswith(one)


def test_results_of_another_run(readers: Members, tmp_path: Path, played: Played) -> None:
    data = json.loads(readers[names.PUBLICATION])
    data["results"]["study"]["run_id"] = "00" * 16
    forged = {**readers, names.PUBLICATION: json.dumps(data).encode()}
    told = fault_of(tmp_path, as_reader_seal(forged, played))
    assert told == f"results/{PUBLICATION}: run_id is not this run's"


def test_pages_that_do_not_follow_are_found_by_recompute(
    readers: Members, full: Path, tmp_path: Path, played: Played
) -> None:
    """Tables against publication.json here; publication.json against the sums in the whole."""
    table = "results/flow.csv"
    changed = {**readers, table: readers[table].replace(b"36", b"37", 1)}
    with opened(tmp_path / "x.zip", as_reader_seal(changed, played)) as bundle:
        assert [one.member for one in recompute(bundle).compared if not one.holds] == [table]
    data = json.loads(readers[names.PUBLICATION])
    data["results"]["flow"]["rows"] = 999
    lying = {**readers, names.PUBLICATION: json.dumps(data).encode()}
    with opened(tmp_path / "inner.zip", as_reader_seal(lying, played)):
        pass
    whole = {**members_of(full), names.READER: (tmp_path / "inner.zip").read_bytes()}
    with opened(tmp_path / "y.zip", as_reader_seal(whole, played)) as bundle:
        assert verify(bundle).holds
        odd = [one for one in recompute(bundle).compared if not one.holds]
    told = {one.member: one.odd for one in odd}[f"{names.READER}: {names.PUBLICATION}"]
    assert told[0].startswith("results.flow.rows: 999 in the bundle")


def test_the_whole_bundle_vouches_for_its_readers_form(
    full: Path, readers: Members, tmp_path: Path, played: Played
) -> None:
    with open_bundle(full) as bundle:
        verdict = verify(bundle)
    assert verdict.holds
    assert verdict.complete
    assert verdict.ticks[-1].what == "Readers' form"
    whole = members_of(full)
    assert whole[names.READER] == full.with_name(names.READER).read_bytes()
    salts = json.loads(whole[names.READER_SALTS])
    wrong = canonical_json([*salts[:-1], "22" * 32])
    forged = as_reader_seal({**whole, names.READER_SALTS: wrong}, played)
    assert "commits to another sum" in fault_of(tmp_path, forged)
    without = {n: b for n, b in whole.items() if n != names.READER}
    assert fault_of(tmp_path, as_reader_seal(without, played)) == "reader.zip: is missing"
    summed = json.loads(readers[names.SUMS])
    summed[-1]["commitment"] = "33" * 32
    other = as_reader_seal({**readers, names.SUMS: canonical_json(summed)}, played)
    with opened(tmp_path / "inner.zip", other) as inner:
        assert verify(inner).holds  # no reader can tell
    lying = {**whole, names.READER: (tmp_path / "inner.zip").read_bytes()}
    assert "commits to another sum" in fault_of(tmp_path, as_reader_seal(lying, played))
