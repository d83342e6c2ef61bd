"""What every form of the bundle ends with: the list of all members, and the seal on it."""

import hashlib
from dataclasses import dataclass, field
from zipfile import ZipFile

from coordinator.bundle import names
from coordinator.bundle.crate import Listed
from coordinator.bundle.plain import plain
from coordinator.bundle.zipped import put
from protocol.canonical import canonical_json
from protocol.plan.digest import plan_digest
from protocol.run import Played, Proof


@dataclass(frozen=True)
class Listing:
    """Members as they are written."""

    members: list[Listed] = field(default_factory=list)

    def put(self, file: ZipFile, name: str, body: bytes) -> None:
        """Write a member, and list it."""
        put(file, name, body)
        self.members.append(Listed(name, len(body), hashlib.sha256(body).hexdigest()))

    def seal(self, file: ZipFile, played: Played, proof: Proof, schema: str, notice: str) -> None:
        """Write the manifest of all members, and the coordinator's signature on it."""
        manifest = canonical_json(
            {
                "schema": schema,
                "study": played.plan.study.id,
                "plan_digest": plan_digest(played.plan).hex(),
                "run": played.run_id.hex(),
                "simulated": played.simulated,
                "notice": notice,
                "members": [plain(one) for one in sorted(self.members, key=lambda one: one.name)],
            }
        )
        put(file, names.MANIFEST, manifest)
        signature = proof.seal(hashlib.sha256(manifest).digest())
        put(file, names.SEAL, canonical_json({"signature": signature.hex()}))
