"""Cases of whole runs, with every value that leaves a party."""

from dataclasses import replace
from typing import Any

from protocol.ids import SiteId
from protocol.layout import Layout
from protocol.secagg.messages import Contribution
from protocol.secagg.office import by_step, close_trip, open_trip
from protocol.secagg.result import recompute
from protocol.secagg.run import Gathered, Question, Seeds, blocks_of, gather
from protocol.secagg.site import accept
from protocol.secagg.site import answer as reply_to
from protocol.secagg.transcript import next_chain
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
    questions = [
        Question(
            q["kind"], Layout(tuple(field_of(f) for f in q["fields"])), tuple(q["key"]), q["lock"]
        )
        for q in trip["questions"]
    ]
    blocks = blocks_of(now, questions)
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
        own = [
            Contribution(
                {f.name: cells_of(f.kind, o["release"][f.name]) for f in block.layout.fields},
                o["patients"],
                o["flag"],
            )
            for block, o in zip(blocks, trip["own"][site], strict=True)
        ]
        said = raw(trip["statements"].get(site, ""))
        states[site], replies[site] = reply_to(state, request, blocks, own, said)
    opened = close_trip(now.view, now.coordinator_seed, number_, blocks, replies)
    uploads = by_step(now.view, number_, blocks, replies)
    checked = recompute(now.view, blocks, uploads, opened.result)
    after = replace(
        now,
        sites={site: accept(state, checked) for site, state in states.items()},
        chain=next_chain(now.chain, opened.result.digest),
        trips=now.trips + 1,
        steps=now.steps + len(blocks),
    )
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
