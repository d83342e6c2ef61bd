"""A true bundle holds; whatever is changed in it shows, and the member is named."""

import json
from dataclasses import replace
from pathlib import Path

from coordinator.bundle import names
from coordinator.bundle.approvals import approval_files
from coordinator.bundle.reader import open_bundle
from coordinator.bundle.write import Beside, write_bundle
from coordinator.verify import verify
from protocol.canonical import canonical_json
from protocol.governance.approval import Decision
from protocol.governance.approval import Verdict as Said
from protocol.ids import SiteId
from protocol.requests import Decided
from protocol.run import Played, play
from tests.coordinator.bundle.made import (
    Members,
    answer,
    bundle_of,
    ctx_of,
    decision,
    fault_of,
    flipped,
    identity_seed,
    listed,
    members_of,
    sealed,
    verdict_of,
)
from tests.federation.cohorts import clinics, small_plan

FIRST = ["Members", "Plan", "Roster", "Seal", "Approvals", "Opening", "Keys"]
CHECKS = [*FIRST, "Sums", "Closing", "Results"]


def test_a_bundle_holds(path: Path) -> None:
    with open_bundle(path) as bundle:
        verdict = verify(bundle)
    assert verdict.holds
    assert [tick.what for tick in verdict.ticks] == CHECKS
    assert "6 sums in 4 trips, re-added from 18 signed vectors" in verdict.ticks[7].found


def test_a_flipped_byte_in_any_member_shows_and_is_named(tmp_path: Path, members: Members) -> None:
    for name, body in members.items():
        if name == names.MANIFEST:
            continue
        assert name in fault_of(tmp_path, {**members, name: flipped(body, len(body) // 2)})


def test_a_flipped_byte_in_the_manifest_shows(tmp_path: Path, members: Members) -> None:
    body = members[names.MANIFEST]
    for at in range(0, len(body), 97):
        assert fault_of(tmp_path, {**members, names.MANIFEST: flipped(body, at)})


def test_without_the_coordinators_key_nothing_can_be_changed(
    tmp_path: Path, members: Members
) -> None:
    for name in (names.README, names.RESULTS, names.CRATE, "results/estimates.csv"):
        forged = listed({**members, name: members[name] + b"\n"})
        assert fault_of(tmp_path, forged).startswith("seal.json")


def test_the_coordinator_cannot_change_what_others_signed(
    tmp_path: Path, members: Members, played: Played
) -> None:
    """Even with its own key: plan, keys, questions, results, vectors and sums hang together."""
    fixed = (names.OPENED, names.KEYS, names.total(3), names.vector(3, SiteId(played.sites[1])))
    signed = [name for name in members if name.startswith("trips/")]
    for name in (*fixed, *signed):
        body = members[name]
        places = (len(body) // 2, len(body) - 9)
        for at in places:
            forged = sealed({**members, name: flipped(body, at)}, ctx_of(played))
            assert fault_of(tmp_path, forged)


def test_two_vectors_that_change_places(tmp_path: Path, members: Members, played: Played) -> None:
    one, other = (names.vector(3, SiteId(site)) for site in played.sites[:2])
    swapped = {**members, one: members[other], other: members[one]}
    assert fault_of(tmp_path, swapped).startswith(one)
    assert "not signed by" in fault_of(tmp_path, sealed(swapped, ctx_of(played)))


def test_a_false_total(tmp_path: Path, members: Members, played: Played) -> None:
    name = names.total(4)
    forged = sealed({**members, name: flipped(members[name], 40)}, ctx_of(played))
    assert fault_of(tmp_path, forged) == f"{name}: is not the sum of the hospitals' vectors"


def test_a_signature_left_out(tmp_path: Path, members: Members, played: Played) -> None:
    name = names.trip(2, "result")
    result = json.loads(members[name])
    result["steps"][0]["uploads"][0]["signature"] = ""
    forged = sealed({**members, name: canonical_json(result)}, ctx_of(played))
    assert fault_of(tmp_path, forged).startswith(name)
    keys = json.loads(members[names.KEYS])
    keys[0]["signature"] = ""
    forged = sealed({**members, names.KEYS: canonical_json(keys)}, ctx_of(played))
    assert fault_of(tmp_path, forged).startswith(names.KEYS)


def test_trips_cut_off_or_left_over(tmp_path: Path, members: Members, played: Played) -> None:
    cut = {n: b for n, b in members.items() if not n.startswith("trips/00004")}
    assert "trips/00004/result.json: is missing" in fault_of(tmp_path, sealed(cut, ctx_of(played)))
    more = {**members, names.total(99): bytes(8)}
    told = fault_of(tmp_path, sealed(more, ctx_of(played)))
    assert told == "totals/000099.bin: belongs to no step of the plan"


def test_results_of_another_run(tmp_path: Path, members: Members, played: Played) -> None:
    results = json.loads(members[names.RESULTS])
    results["study"]["chain"] = "00" * 32
    forged = {**members, names.RESULTS: json.dumps(results).encode()}
    told = fault_of(tmp_path, sealed(forged, ctx_of(played)))
    assert told == "results/results.json: chain is not this run's"


def test_a_real_roster_needs_the_federations_file(tmp_path: Path, members: Members) -> None:
    name = names.roster(1)
    roster = json.loads(members[name])
    roster["payload"] = roster["payload"].replace('"simulated":true', '"simulated":false')
    roster["payload"] = roster["payload"].replace('"min_sites":1', '"min_sites":3')
    forged = listed({**members, name: canonical_json(roster)})
    assert fault_of(tmp_path, forged).startswith("federation.json: is missing")


def test_withheld_totals_are_checked_under_their_salts(tmp_path: Path) -> None:
    played = play(small_plan("standard"), clinics(4, 90), bytes(32), keep=True)
    whole = members_of(bundle_of(played, tmp_path))
    salted = [name for name in whole if name.endswith("salts.json")]
    assert salted
    assert verdict_of(tmp_path, whole).holds
    without = {name: body for name, body in whole.items() if name != salted[0]}
    assert salted[0] in fault_of(tmp_path, without)


def test_answers_of_hospitals(tmp_path: Path, played: Played, path: Path) -> None:
    said = decision(played)
    beside = Beside(approvals=approval_files([answer(said)]))
    write_bundle(tmp_path / "b.zip", played, path.parent, beside)
    whole = members_of(tmp_path / "b.zip")
    ticks = {tick.what: tick.found for tick in verdict_of(tmp_path, whole).ticks}
    first, *others = played.sites
    count = len(played.sites)
    assert ticks["Approvals"].startswith(f"of 1 of {count} hospitals")
    told = "approved by An operator, 2026-03-31T09:00:00Z (3 runs at the most): Seen. [2J"
    assert ticks[f"Approval at {first}"] == told
    assert {ticks[f"Approval at {site}"] for site in others} == {"missing in this bundle"}


def test_an_answer_that_is_bent_is_named(tmp_path: Path, played: Played, members: Members) -> None:
    said, name = decision(played), f"approvals/{played.sites[0]}.json"
    elsewhere = replace(said, subject=replace(said.subject, plan=bytes(32))).sign(bytes(32))
    good = answer(said)
    for bad, why in (
        (replace(good, state="refused"), "is not signed by"),
        (answer(elsewhere), "is about another plan or roster"),
        (_resigned(good, elsewhere), "a decision is about another plan"),
        (_resigned(good, replace(said, comment="changed")), "is not signed by"),
        (_resigned(good, decision(played, Said.REFUSE)), "nobody approved it"),
        (replace(good, site=SiteId(played.sites[1])), f"is the answer of {played.sites[1]}"),
    ):
        (body,) = approval_files([bad]).values()
        found = fault_of(tmp_path, sealed({**members, name: body}, ctx_of(played)))
        assert found.startswith(name)
        assert why in found


def _resigned(good: Decided, word: Decision) -> Decided:
    changed = replace(good, decisions=(word.to_bytes(),))
    return changed.sign(identity_seed(good.site))
