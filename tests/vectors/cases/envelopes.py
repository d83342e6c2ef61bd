"""Cases of answers that the coordinator alone opens (SPEC 9.3), and of those that do not open."""

from protocol.ids import SiteId
from protocol.secagg.envelope import run_key, seal
from tests.vectors.build import Case, bent, case, seed
from tests.vectors.cases.sealed import LOW

OFFICE, RUN, CTX = seed("ck"), seed("run")[:16], seed("ctx")
SITE, IDENTITY = SiteId("site-a"), seed("ik", "site-a")


def envelopes() -> list[Case]:
    to = run_key(OFFICE, RUN)
    own = {"coordinator_seed": OFFICE.hex(), "run_id": RUN.hex()}
    made = {"site": SITE, "ctx": CTX.hex(), "to": to.hex(), "identity_seed": IDENTITY.hex()}
    one = seal(b"an answer", SITE, CTX, to, IDENTITY)
    body = {"ephemeral": one.ephemeral.hex(), "body": one.body.hex()}
    good = {**own, "site": SITE, "ctx": CTX.hex(), **body}

    def opened(name: str, changed: Case) -> Case:
        return case(name, "9.3", "open-envelope", **{**good, **changed})

    return [
        case("the key of a run", "9.3", "envelope-key", **own),
        case("the key of another", "9.3", "envelope-key", **{**own, "run_id": bytes(16).hex()}),
        case("an answer", "9.3", "envelope", **made, answer=b"an answer".hex()),
        case("another answer", "9.3", "envelope", **made, answer=b"no answer".hex()),
        case("nothing", "9.3", "envelope", **made, answer=""),
        case("to a key of low order", "9.3", "envelope", **{**made, "to": LOW}, answer="00"),
        opened("it opens", {}),
        opened("another run's", {"run_id": bytes(16).hex()}),
        opened("under another ctx", {"ctx": seed("another").hex()}),
        opened("under another's name", {"site": "site-b"}),
        opened("another coordinator's", {"coordinator_seed": seed("another").hex()}),
        opened("with a fresh key of low order", {"ephemeral": LOW}),
        opened("one bit of what is sealed", bent(good, "body", 3)),
        opened("one bit of the tag", bent(good, "body", 8 * len(one.body) - 1)),
        opened("cut off", {"body": one.body[:15].hex()}),
    ]
