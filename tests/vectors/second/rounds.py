"""Whole runs, with every value that leaves a party."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import ed25519_sign, x25519
from tests.vectors.second.runs import ctx_of, prk_of, sd_of, transcript_of
from tests.vectors.second.sums import encoded, lanes_of, masked, opened, summed, to_bytes
from tests.vectors.second.tagged import compact, lp, tagged, u32
from tests.vectors.second.trust import roster_of


class Round:
    """All parties of one run, by the letter of SPEC 4 to 6."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        roster = roster_of(given["run"]["roster"])
        self.secret = {s: bytes.fromhex(seed) for s, seed in given["identity_seeds"].items()}
        self.office = bytes.fromhex(given["coordinator_seed"])
        self.ctx = ctx_of(given["run"], roster["digest"])
        fresh = {s: bytes.fromhex(seed) for s, seed in given["fresh_seeds"].items()}
        eks = {s: x25519(seed, (9).to_bytes(32, "little")) for s, seed in fresh.items()}
        self.t = transcript_of(self.ctx, eks)
        self.sites = sorted(eks, key=str.encode)
        self.pairs = {
            s: {j: prk_of(fresh[s], eks[j], self.t) for j in self.sites if j != s}
            for s in self.sites
        }
        self.chain = tagged("chain", self.t)
        self.step = 0

    def ask(self, trip: int, given: Mapping[str, Any]) -> dict[str, Any]:
        steps, named, head = [], [], (self.ctx, self.t, u32(trip))
        blocks = [self.block(question) for question in given["questions"]]
        listed: list[bytes | str] = []
        for place, block in enumerate(blocks):
            named += [u32(block["step"]), block["kind"]]
            own = {site: given["own"][site][place] for site in self.sites}
            steps.append(self.answer(block, own, listed))
        request = lp(
            "SITESUM-1", "trip", *head, self.chain, given["deadline"], u32(len(blocks)), *named
        )
        said, statements = self.statements(head, given["statements"])
        result = (*head, u32(len(blocks)), *listed, u32(len(said) // 3), *said)
        digest, before = tagged("result", *result), self.chain
        self.chain = tagged("chain", before, digest)
        return {
            "request_signature": ed25519_sign(self.office, request).hex(),
            "chain": before.hex(),
            "steps": steps,
            "statements": statements,
            "result_digest": digest.hex(),
            "result_signature": ed25519_sign(self.office, lp("SITESUM-1", "result", *result)).hex(),
            "chain_after": self.chain.hex(),
        }

    def block(self, question: Mapping[str, Any]) -> dict[str, Any]:
        self.step += 1
        fields, lock = question["fields"], question["lock"]
        return {
            "step": self.step,
            "kind": question["kind"],
            "width": 64 if all(f["kind"] == "count" for f in fields) else 128,
            "length": (2 if lock else 4) + sum(f["cells"] for f in fields),
            "params": (self.chain + compact(question["key"])).hex(),
            "lock": lock,
            "fields": fields,
        }

    def answer(
        self, block: dict[str, Any], own: Mapping[str, Any], listed: list[bytes | str]
    ) -> dict[str, Any]:
        """Mask every site's numbers, open the sum, and list what the result signs."""
        sd, width = sd_of(self.t, block), block["width"]
        uploads, signatures = {}, {}
        for site in self.sites:
            cells = lanes_of(block, sd, own[site])
            for field in block["fields"]:
                values = own[site]["release"][field["name"]]
                cells += encoded({**field, "values": values}, len(self.sites))
            raw = to_bytes(cells, width)
            uploads[site] = masked(raw, width, site, self.pairs[site], sd)
            place = ("release", self.ctx, self.t, u32(block["step"]), sd, site)
            message = lp("SITESUM-1", *place, hashlib.sha256(uploads[site]).digest())
            signatures[site] = ed25519_sign(self.secret[site], message)
        words = summed([uploads[site] for site in self.sites], width)
        total = tagged("total", b"", to_bytes(words, width))
        listed += [u32(block["step"]), sd, total, u32(len(self.sites))]
        for site in self.sites:
            listed += [site, hashlib.sha256(uploads[site]).digest(), signatures[site]]
        return {
            "sd": sd.hex(),
            "uploads": {site: uploads[site].hex() for site in self.sites},
            "signatures": {site: signatures[site].hex() for site in self.sites},
            "total_digest": total.hex(),
            "opened": opened(block, sd, len(self.sites), words),
        }

    def statements(
        self, head: tuple[bytes, ...], given: Mapping[str, str]
    ) -> tuple[list[bytes | str], dict[str, str]]:
        parts: list[bytes | str] = []
        signed = {}
        for site in (s for s in self.sites if s in given):
            hashed = hashlib.sha256(bytes.fromhex(given[site])).digest()
            message = lp("SITESUM-1", "statement", *head, site, hashed)
            signature = ed25519_sign(self.secret[site], message)
            parts += [site, hashed, signature]
            signed[site] = signature.hex()
        return parts, signed


def case_round(given: Mapping[str, Any]) -> Any:
    parties = Round(given)
    trips = [parties.ask(number, trip) for number, trip in enumerate(given["trips"], 1)]
    return {"ctx": parties.ctx.hex(), "transcript": parties.t.hex(), "trips": trips}
