"""A plan as it is proposed to hospitals: frozen, signed, and with those who take part (SPEC 4.7).

The plan signer says what is computed, the roster authority by whom. Whoever carries both can
change neither.
"""

import json
from dataclasses import dataclass

from protocol.canonical import Json, canonical_json, digest
from protocol.errors import Exit, FederationError
from protocol.governance.chain import read_roster_file, roster_file
from protocol.governance.federation import Federation
from protocol.governance.identity import SignatureError, identity_public, require_signed, sign
from protocol.governance.roster import RosterError
from protocol.governance.signed import SignedRoster


class ProposalError(FederationError):
    """The bytes are no proposal."""

    code = "proposal"
    exit = Exit.USAGE
    fix = "name the file that `riskset plan propose` wrote, or ask for it again"


@dataclass(frozen=True)
class Proposal:
    """A plan's canonical JSON, the study's whole chain of rosters, and the plan signer's word.

    `signer` is a raw Ed25519 public key (32 bytes) of `Federation.plan_signers`. Nothing is
    checked before `verify`, and the chain by `verify_chain`.
    """

    plan: bytes
    rosters: tuple[SignedRoster, ...]
    signer: bytes
    signature: bytes

    @property
    def plan_digest(self) -> bytes:
        """Name the plan, 32 bytes."""
        return digest("plan", self.plan)

    @property
    def roster_digest(self) -> bytes:
        """Name the last roster, 32 bytes; zeros where there is none."""
        return digest("roster", self.rosters[-1].payload) if self.rosters else bytes(32)

    def verify(self, federation: Federation) -> None:
        """Refuse a plan that none of the federation's plan signers signed for it.

        Raises
        ------
        SignatureError
            If the key is none of theirs, or the signature does not verify.
        """
        if self.signer not in federation.plan_signers:
            raise SignatureError(
                "the plan is signed by a key that is none of the federation's plan signers",
                fix="ask the coordinating centre for a proposal of its own",
            )
        parts = _parts(federation, self.plan_digest)
        require_signed("the plan signer", self.signer, self.signature, *parts)

    def to_bytes(self) -> bytes:
        """Write the file: canonical JSON, keys and signatures in hex."""
        rosters: Json = [roster_file(roster).decode() for roster in self.rosters]
        return canonical_json(
            {
                "plan": self.plan.decode(),
                "rosters": rosters,
                "signer": self.signer.hex(),
                "signature": self.signature.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Proposal":
        """Read the bytes of `to_bytes`, and nothing but them.

        Raises
        ------
        ProposalError
            If they are no proposal, or not in the one encoding that it has.
        """
        try:
            value = json.loads(raw)
            made = cls(
                plan=value["plan"].encode(),
                rosters=tuple(read_roster_file(text.encode()) for text in value["rosters"]),
                signer=bytes.fromhex(value["signer"]),
                signature=bytes.fromhex(value["signature"]),
            )
            same = made.to_bytes() == raw
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, RosterError):
            raise ProposalError("the bytes are no proposed plan (SPEC 4.7)") from None
        if not same:
            raise ProposalError("the proposal is not in its one encoding (SPEC 4.7)")
        return made


def propose(
    plan: bytes, rosters: tuple[SignedRoster, ...], federation: Federation, signer_seed: bytes
) -> Proposal:
    """Sign a plan's canonical JSON for a federation. Run by the plan signer."""
    parts = _parts(federation, digest("plan", plan))
    return Proposal(plan, rosters, identity_public(signer_seed), sign(signer_seed, *parts))


def _parts(federation: Federation, plan_digest: bytes) -> tuple[bytes | str, ...]:
    return ("plan", federation.digest, plan_digest)
