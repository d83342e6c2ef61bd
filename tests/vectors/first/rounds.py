"""Cases of whole runs, with every value that leaves a party."""

from collections.abc import Sequence
from typing import Any

from protocol.ids import SiteId
from protocol.layout import Layout
from protocol.secagg.messages import Block, Contribution
from protocol.secagg.office import by_step, close_trip, open_trip
from protocol.secagg.result import recompute
from protocol.secagg.run import Gathered, Question, Seeds, blocks_of, gather, go_on
from protocol.secagg.site import answer as reply_to
from tests.vectors.first.given import Given, cells_of, field_of, raw, run_of, shown


def case_round(given: Given) -> Any:
    seeds = {
        SiteId(site): Seeds(raw(seed), raw(given["fresh_seeds"][site]))
        for site, seed in given["identity_seeds"].items()
    }
    now = gather(run_of(given["run"]), seeds, raw(given["coordinator_seed"]))
    trips = []
    for number_, trip in enumerate(given["trips"], 1):
        now, said = _play(now, number_, trip)
        trips.append(said)
    ctx, t = now.view.run.ctx.hex(), now.view.transcript.hex()
    return {"ctx": ctx, "transcript": t, "trips": trips}


def _play(now: Gathered, number_: int, trip: Given) -> tuple[Gathered, dict[str, Any]]:
    """Play one trip move by move, keeping every value that crosses a wall."""
    blocks = blocks_of(now, [_question(asked) for asked in trip["questions"]])
    request = open_trip(
        now.view,
        now.coordinator_seed,
        number_,
        blocks,
        chain=now.chain,
        deadline=trip["deadline"],
    )
    states, replies = {}, {}
    for site, state in now.sites.items():
        own, said = _own(blocks, trip["own"][site]), raw(trip["statements"].get(site, ""))
        states[site], replies[site] = reply_to(state, request, blocks, own, said)
    opened = close_trip(now.view, now.coordinator_seed, number_, blocks, replies)
    uploads = by_step(now.view, number_, blocks, replies)
    checked = recompute(now.view, blocks, uploads, opened.result)
    after = go_on(now, states, checked)
    return after, {
        "request_signature": request.signature.hex(),
        "chain": now.chain.hex(),
        "steps": [
            {
                "sd": step.sd.hex(),
                "uploads": {s: v.words.hex() for s, v in uploads[step.step].items()},
                "signatures": {s: v.signature.hex() for s, v in uploads[step.step].items()},
                "total_digest": step.total_digest.hex(),
                "opened": shown(total, block),
            }
            for block, step, total in zip(blocks, opened.result.steps, opened.totals, strict=True)
        ],
        "statements": {s.site: s.signature.hex() for s in opened.result.statements},
        "result_digest": opened.result.digest.hex(),
        "result_signature": opened.result.signature.hex(),
        "chain_after": after.chain.hex(),
    }


def _question(asked: Given) -> Question:
    layout = Layout(tuple(field_of(field) for field in asked["fields"]))
    return Question(asked["kind"], layout, tuple(asked["key"]), asked["lock"])


def _own(blocks: Sequence[Block], given: Sequence[Given]) -> list[Contribution]:
    """Read what a site puts in, one contribution for each question."""
    return [
        Contribution(
            {f.name: cells_of(f.kind, own["release"][f.name]) for f in block.layout.fields},
            own["patients"],
            own["flag"],
        )
        for block, own in zip(blocks, given, strict=True)
    ]
