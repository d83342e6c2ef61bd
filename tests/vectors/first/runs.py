"""Cases of how a run begins and ends."""

from typing import Any

from protocol.governance import identity
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.requests import Abort, Done, OpenRun, Refusal
from protocol.secagg import keys, transcript
from protocol.secagg.messages import KeyShare
from protocol.secagg.setup import agree
from tests.vectors.first.given import Given, consents_of, raw, run_of, sd_of


def case_ephemeral(given: Given) -> Any:
    keys.check_ephemeral("site", raw(given["ek"]))
    return True


def case_step(given: Given) -> Any:
    sd = sd_of(given)
    return {"sd": sd.hex(), "counter": transcript.counter(sd)}


def case_params(given: Given) -> Any:
    return transcript.parameters(raw(given["chain"]), given["key"]).hex()


def case_setup(given: Given) -> Any:
    run = given["run"]
    ctx = transcript.context(
        raw(run["run_id"]),
        raw(run["plan_digest"]),
        raw(run["roster_digest"]),
        epoch=run["epoch"],
        scheme=run["scheme"],
        suite=run["suite"],
    )
    eks = {SiteId(s): keys.ephemeral_public(raw(x)) for s, x in given["fresh_seeds"].items()}
    signatures = {
        site: identity.sign(raw(seed), "setup", ctx, site, eks[SiteId(site)]).hex()
        for site, seed in given["identity_seeds"].items()
    }
    return {
        "ctx": ctx.hex(),
        "ek": {site: ek.hex() for site, ek in eks.items()},
        "signature": signatures,
        "transcript": transcript.transcript(ctx, eks).hex(),
    }


def case_agree(given: Given) -> Any:
    shares = {
        s["site"]: KeyShare(s["site"], raw(s["ek"]), raw(s["signature"])) for s in given["shares"]
    }
    return agree(run_of(given["run"]), shares).transcript.hex()


def case_open_run(given: Given) -> Any:
    made = OpenRun(
        run_id=raw(given["run_id"]),
        plan=given["plan"].encode(),
        rosters=tuple(SignedRoster(text.encode(), ()) for text in given["rosters"]),
        epoch=given["epoch"],
        scheme=given["scheme"],
        suite=given["suite"],
        program=given["program"],
        consents=consents_of(given),
        seal=raw(given["seal"]),
    )
    return made.sign(raw(given["coordinator_seed"])).signature.hex()


def case_abort(given: Given) -> Any:
    Abort(raw(given["ctx"]), raw(given["signature"])).verify(raw(given["coordinator"]))
    return True


def case_done(given: Given) -> Any:
    site, ctx, chain = SiteId(given["site"]), raw(given["ctx"]), raw(given["chain"])
    runs = tuple(map(raw, given.get("runs", ())))
    done = Done(site, ctx, given["state"], chain, runs).sign(raw(given["identity_seed"]))
    return done.signature.hex()


def case_refusal(given: Given) -> Any:
    site, ctx, request = SiteId(given["site"]), raw(given["ctx"]), raw(given["request"])
    return (
        Refusal(site, ctx, request, given["code"]).sign(raw(given["identity_seed"])).signature.hex()
    )
