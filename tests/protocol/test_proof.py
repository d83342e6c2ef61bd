"""What a played study keeps, where it is asked to: enough for others to check it all."""

from protocol.governance.roster import Roster
from protocol.plan.digest import canonical, plan_digest
from protocol.run import play
from protocol.secagg.messages import Run
from protocol.secagg.result import recompute
from protocol.secagg.setup import agree
from tests.federation.cohorts import clinics, small_plan

SEED = bytes(32)


def test_a_study_is_the_same_whether_its_proof_is_kept_or_not() -> None:
    plan, cohorts = small_plan("exact"), clinics(4, 60)
    bare, kept = play(plan, cohorts, SEED), play(plan, cohorts, SEED, keep=True)
    assert bare.proof is None
    assert kept.proof is not None
    assert kept.chain == bare.chain
    assert kept.proof.opened.plan == canonical(plan)
    trips = list(kept.proof.trips())
    assert [trip.request.trip for trip in trips] == list(range(1, kept.trips + 1))
    assert list(kept.proof.trips()) == trips  # as often as it is asked


def test_what_is_kept_adds_up_to_what_was_signed() -> None:
    plan = small_plan("exact")
    played = play(plan, clinics(4, 60), SEED, keep=True)
    assert played.proof is not None
    opened, shares = played.proof.opened, {share.site: share for share in played.proof.shares}
    roster = Roster.from_bytes(opened.rosters[-1].payload)
    run = Run(opened.run_id, plan_digest(plan), roster)
    opened.verify(roster.coordinator)
    view = agree(run, shares)
    for trip in played.proof.trips():
        trip.request.verify(view)
        blocks = [asked.block for asked in played.asked if asked.trip == trip.request.trip]
        uploads = {
            block.step: {site: reply.vectors[place] for site, reply in trip.replies.items()}
            for place, block in enumerate(blocks)
        }
        assert len(recompute(view, blocks, uploads, trip.result).totals) == len(blocks)
