"""What opens and ends a run, signed."""

from protocol.governance.identity import sign
from protocol.governance.signed import make_consent
from protocol.ids import SiteId
from protocol.secagg.envelope import run_key
from tests.vectors.build import Case, case, seed
from tests.vectors.cases.trust import FEDERATION, ONE, TWO


def requests() -> list[Case]:
    agreed = make_consent(seed("ik", "site-a"), "Leberzentren", "crlm-ablation", SiteId("site-a"))
    given = {
        "run_id": seed("run")[:16].hex(),
        "plan": '{"a":1}',
        "rosters": [roster.to_bytes().decode() for roster in (ONE, TWO)],
        "epoch": 1,
        "scheme": "A",
        "suite": 1,
        "program": "riskset/1",
        "consents": [{"site": "site-a", "signature": agreed.signature.hex()}],
        "seal": "",
        "coordinator_seed": seed("ck").hex(),
    }
    key = run_key(seed("ck"), seed("run")[:16]).hex()
    signature = sign(seed("ck"), "abort", seed("ctx")).hex()
    ctx, site = seed("ctx").hex(), {"site": "site-a", "identity_seed": seed("ik", "site-a").hex()}
    abort = {"ctx": ctx, "coordinator": FEDERATION.coordinator.hex(), "signature": signature}
    return [
        case("a run with a consent", "4.6", "open-run", **given),
        case("a run without", "4.6", "open-run", **{**given, "consents": [], "epoch": 0}),
        case("a run whose answers are sealed", "4.6", "open-run", **{**given, "seal": key}),
        case("an epoch beyond u32", "4.6", "open-run", **{**given, "epoch": 2**32}),
        case("an abort", "6.6", "abort", **abort),
        case("an abort of another run", "6.6", "abort", **{**abort, "ctx": seed("x").hex()}),
        case("done", "6.6", "done", **site, ctx=ctx, state="finished", chain=seed("chain").hex()),
        case(
            "done, after another run of the plan",
            "6.6",
            "done",
            **site,
            ctx=ctx,
            state="finished",
            chain=seed("chain").hex(),
            runs=[seed("earlier")[:16].hex(), seed("run")[:16].hex()],
        ),
        case("refused", "10.4", "refusal", **site, ctx=ctx, request=seed("r").hex(), code="roster"),
    ]
