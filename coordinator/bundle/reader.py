"""Reads a bundle back, part by part. Nothing in it is believed here but its form.

Who wants to know whether it is true asks `coordinator.verify`; whether its numbers follow from its
sums, `coordinator.recompute`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from coordinator.bundle import names
from coordinator.bundle.crate import Listed
from coordinator.bundle.plain import BundleError, read
from coordinator.bundle.zipped import body, reading
from protocol.governance.chain import read_roster_file, roster_file
from protocol.governance.roster import RosterError
from protocol.governance.signed import Consent, SignedRoster
from protocol.ids import SiteId
from protocol.requests import OpenRun
from protocol.secagg.messages import KeyShare, MaskedVector, Result, StepResult, Trip


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself, and all members but the manifest and its seal."""

    schema: str
    study: str
    plan_digest: bytes
    run: bytes
    simulated: bool
    notice: str
    members: tuple[Listed, ...]


@dataclass(frozen=True)
class Seal:
    """The coordinator's signature over the manifest."""

    signature: bytes


@dataclass(frozen=True)
class _Opening:
    """How a run was opened, without plan and rosters."""

    run_id: bytes
    epoch: int
    scheme: str
    suite: int
    program: str
    consents: tuple[Consent, ...]
    seal: bytes
    signature: bytes


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle whose form is right: its members are those that its manifest lists."""

    file: ZipFile
    manifest: Manifest

    @property
    def for_readers(self) -> bool:
        """Whether it is the form for people outside the consortium."""
        return self.manifest.schema == names.READER_SCHEMA

    def body(self, name: str) -> bytes:
        """Read a member whole.

        Raises
        ------
        BundleError
            If it is missing or not whole.
        """
        return body(self.file, name)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """All members with their sizes in bytes, in the order of their names."""
        return {member.filename: member.file_size for member in self.file.infolist()}

    @property
    def seal(self) -> Seal:
        """The coordinator's signature over the manifest."""
        return read(Seal, self.body(names.SEAL), names.SEAL)

    @property
    def rosters(self) -> tuple[SignedRoster, ...]:
        """The chain of rosters, as signed.

        Raises
        ------
        BundleError
            If a file is none, or a version is missing.
        """
        there = [name for name in self.sizes if name.startswith("rosters/")]
        if there != [names.roster(version) for version in range(1, len(there) + 1)] or not there:
            raise BundleError("rosters/: the versions are not 1, 2 and so on")
        return tuple(map(self._roster, there))

    def _roster(self, name: str) -> SignedRoster:
        raw = self.body(name)
        try:
            signed = read_roster_file(raw)
        except RosterError:
            raise BundleError(f"{name}: holds no signed roster") from None
        if roster_file(signed) != raw:
            raise BundleError(f"{name}: is not in its one encoding")
        return signed

    @property
    def opened(self) -> OpenRun:
        """The request that opened the run.

        Raises
        ------
        BundleError
            If a part of it is none.
        """
        said = read(_Opening, self.body(names.OPENED), names.OPENED)
        return OpenRun(
            run_id=said.run_id,
            plan=self.body(names.PLAN),
            rosters=self.rosters,
            epoch=said.epoch,
            scheme=said.scheme,
            suite=said.suite,
            program=said.program,
            consents=said.consents,
            seal=said.seal,
            signature=said.signature,
        )

    @property
    def shares(self) -> tuple[KeyShare, ...]:
        """Every hospital's fresh key."""
        return read(tuple[KeyShare, ...], self.body(names.KEYS), names.KEYS)

    @cached_property
    def trips(self) -> int:
        """How many trips the run took."""
        last = "/request.json" if self.for_readers else "/result.json"
        return sum(name.endswith(last) for name in self.sizes)

    def under(self, folder: str) -> tuple[str, ...]:
        """Name the members in a folder, given with its slash."""
        return tuple(name for name in self.sizes if name.startswith(folder))

    def request(self, trip: int) -> Trip:
        """Read what a trip asked."""
        name = names.trip(trip, "request")
        return read(Trip, self.body(name), name)

    def result(self, trip: int) -> Result:
        """Read the signed result of a trip."""
        name = names.trip(trip, "result")
        return read(Result, self.body(name), name)

    def salts(self, trip: int) -> tuple[bytes, ...]:
        """Read the salts of a trip's withheld totals."""
        name = names.trip(trip, "salts")
        return read(tuple[bytes, ...], self.body(name), name) if name in self.sizes else ()

    def vectors(self, result: StepResult) -> Iterator[tuple[SiteId, MaskedVector]]:
        """Read the masked vectors of a step one by one, as its result lists them."""
        for upload in result.uploads:
            words = self.body(names.vector(result.step, upload.site))
            vector = MaskedVector(upload.site, result.step, result.sd, words, upload.signature)
            yield upload.site, vector

    def total(self, step: int) -> bytes:
        """Read an opened sum: raw words, little-endian."""
        return self.body(names.total(step))


@contextmanager
def open_bundle(source: Path | BytesIO, name: str = "") -> Iterator[Bundle]:
    """Open a bundle of either form and check it; no vector is read for it.

    `name` is what people know the file by, where it has no path.

    Raises
    ------
    BundleError
        If the file is no bundle of this version, or its members are not those that it lists.
    """
    told = name or str(source)
    with reading(source, told) as file:
        manifest = read(Manifest, body(file, names.MANIFEST), names.MANIFEST)
        if manifest.schema not in names.REQUIRED:
            raise BundleError(f"{told}: is no bundle of schema {names.SCHEMA}")
        bundle = Bundle(file, manifest)
        _check_listed(bundle)
        yield bundle


@contextmanager
def readers_form(bundle: Bundle) -> Iterator[Bundle]:
    """Open the readers' form within a consortium's bundle.

    Raises
    ------
    BundleError
        If it has none, or one that is not of the readers' form.
    """
    with open_bundle(BytesIO(bundle.body(names.READER)), names.READER) as inner:
        if not inner.for_readers:
            raise BundleError(f"{names.READER}: is not of the readers' form")
        yield inner


def _check_listed(bundle: Bundle) -> None:
    there = {n: s for n, s in bundle.sizes.items() if n not in (names.MANIFEST, names.SEAL)}
    listed = {one.name: one.size for one in bundle.manifest.members}
    for name in names.REQUIRED[bundle.manifest.schema]:
        if name not in bundle.sizes:
            raise BundleError(f"{name}: is missing")
    for name in bundle.sizes:
        if not names.belongs(bundle.manifest.schema, name):
            raise BundleError(f"{name}: this form of the bundle has no such member")
    if odd := sorted(there.keys() ^ listed.keys()):
        told = "is missing" if odd[0] in listed else "is not in the manifest"
        raise BundleError(f"{odd[0]}: {told}")
    for name, size in there.items():
        if size != listed[name]:
            raise BundleError(f"{name}: has another size than the manifest says")
