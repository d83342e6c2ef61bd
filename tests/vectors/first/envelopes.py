"""Cases of answers that the coordinator alone opens."""

from typing import Any

from protocol.ids import SiteId
from protocol.secagg.envelope import Envelope, run_key, seal, unseal
from tests.vectors.first.given import Given, raw


def case_envelope_key(given: Given) -> Any:
    return run_key(raw(given["coordinator_seed"]), raw(given["run_id"])).hex()


def case_envelope(given: Given) -> Any:
    parts = (raw(given[part]) for part in ("ctx", "to", "identity_seed"))
    made = seal(raw(given["answer"]), SiteId(given["site"]), *parts)
    return {"ephemeral": made.ephemeral.hex(), "body": made.body.hex()}


def case_open_envelope(given: Given) -> Any:
    made = Envelope(SiteId(given["site"]), raw(given["ephemeral"]), raw(given["body"]))
    return unseal(made, *(raw(given[part]) for part in ("run_id", "ctx", "coordinator_seed"))).hex()
