"""The form of a bundle for people outside the consortium, such as a journal's reviewer.

It holds what the publication edition shows and no more: no masked vector, no sum with patient data,
no result as the coordinator signed it. Each sum stands in it as a commitment under a salt of its
own. Why so little: in profile `exact` the signed results name sums by bare hashes, and whoever
knows all of a table but one small count finds it by trying. Results enter the chain with the
hashes of all vectors, which nobody outside knows, so the chain gives nothing to try against.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path

from coordinator.bundle import names
from coordinator.bundle.crate import crate
from coordinator.bundle.listing import Listing
from coordinator.bundle.plain import BundleError, plain, read
from coordinator.bundle.readme import readers_readme
from coordinator.bundle.zipped import writing
from protocol.canonical import canonical_json, digest
from protocol.run import Asked, Played, Proof
from protocol.secagg.transcript import u32

SALT_SIZE = 32


@dataclass(frozen=True)
class Summed:
    """One sum as readers get it.

    `commitment` is `commit` of it (32 bytes). `salt` is empty where the sum is withheld, and
    `total` then names no member.
    """

    trip: int
    step: int
    kind: str
    commitment: bytes
    salt: bytes
    total: str


def commit(step: int, salt: bytes, total: bytes) -> bytes:
    """Commit to a step's sum, given as raw words, under 32 bytes that nobody outside knows."""
    return digest("reader-total", u32(step), salt, total)


def read_sums(raw: bytes) -> tuple[Summed, ...]:
    """Read the list of sums.

    Raises
    ------
    BundleError
        If it is none.
    """
    found = read(tuple[Summed, ...], raw, names.SUMS)
    for one in found:
        shown = names.total(one.step) if one.salt else ""
        if one.total != shown or len(one.salt) not in (0, SALT_SIZE):
            raise BundleError(f"{names.SUMS}: step {one.step} names another sum than its own")
    return found


def read_salts(raw: bytes) -> tuple[bytes, ...]:
    """Read the salts of all sums, in the order of their steps."""
    return read(tuple[bytes, ...], raw, names.READER_SALTS)


@dataclass(frozen=True, eq=False)
class ReadersForm:
    """What goes to readers, gathered while the consortium's bundle is written."""

    played: Played
    proof: Proof
    kept: dict[str, bytes] = field(default_factory=dict)
    commitments: dict[int, bytes] = field(default_factory=dict)

    @cached_property
    def _asked(self) -> dict[str, Asked]:
        return {names.total(one.block.step): one for one in self.played.asked}

    @cached_property
    def _secret(self) -> bytes:
        """Give what salts are made of: a signature that nobody else can make, and is shown nowhere.

        Whatever the coordinator signs in this way is the digest of a manifest, or this one.
        """
        return self.proof.seal(digest("reader-salts"))

    def salt(self, step: int) -> bytes:
        """Make the salt of a step's sum: the same whenever the bundle is written."""
        return digest("reader-salt", self._secret, u32(step))

    def salts_file(self) -> bytes:
        """Write the salts of all sums, for the consortium's form."""
        return canonical_json([plain(self.salt(one.block.step)) for one in self.played.asked])

    def see(self, name: str, body: bytes) -> None:
        """Look at a member of the consortium's form, and keep what of it readers get."""
        if asked := self._asked.get(name):
            step = asked.block.step
            self.commitments[step] = commit(step, self.salt(step), body)
            if asked.block.lock:  # no patient's data is in it
                self.kept[name] = body
        elif names.shared(name):
            self.kept[name] = body

    def written(self, published: Path, notice: str) -> bytes:
        """Write the file, with the edition for publication that lies in a folder."""
        listed, out = Listing(), BytesIO()
        with writing(out) as file:
            for name, body in self._members(published):
                listed.put(file, name, body)
            day, main = self.proof.day, names.PUBLICATION
            listed.put(file, names.CRATE, crate(self.played, day, listed.members, main))
            listed.put(file, names.README, readers_readme(self.played))
            listed.seal(file, self.played, self.proof, names.READER_SCHEMA, notice)
        return out.getvalue()

    def _members(self, published: Path) -> Iterator[tuple[str, bytes]]:
        yield from self.kept.items()
        yield names.SUMS, canonical_json([plain(self._summed(one)) for one in self.played.asked])
        for path in sorted(published.iterdir()):
            yield f"results/{path.name}", path.read_bytes()

    def _summed(self, asked: Asked) -> Summed:
        step, shown = asked.block.step, asked.block.lock
        return Summed(
            trip=asked.trip,
            step=step,
            kind=asked.name,
            commitment=self.commitments[step],
            salt=self.salt(step) if shown else b"",
            total=names.total(step) if shown else "",
        )
