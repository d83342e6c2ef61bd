"""Bundles to look at, and to change as a forger would: with and without the coordinator's key."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from coordinator.bundle import names
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle, open_bundle
from coordinator.bundle.write import write_bundle
from coordinator.checks import Verdict
from coordinator.report.edition import write_edition
from coordinator.results import write_into
from coordinator.verify import verify
from protocol.canonical import canonical_json, digest
from protocol.governance.approval import Conditions, Decision, Subject
from protocol.governance.approval import Verdict as Said
from protocol.governance.identity import sign
from protocol.ids import SiteId
from protocol.plan.digest import plan_digest
from protocol.plan.read import read_plan
from protocol.requests import Decided
from protocol.results import results
from protocol.run import Played
from riskset.simulate import play_study, read_hospitals
from tests.riskset.folders import SMALL, write_extracts

SEED = b"0a"
OFFICE = digest("simulated", digest("simulation", SEED, "run"), "coordinator")
"""The key of the simulated coordinator, which follows from the seed."""


def identity_seed(site: str) -> bytes:
    """Give the key of a hospital in a simulation, which follows from the seed too."""
    return digest("simulated", digest("simulation", SEED, "run"), "identity", site)


Members = dict[str, bytes]


def play_small(folder: Path) -> Played:
    plan = read_plan(SMALL.read_text(encoding="utf-8"), str(SMALL))
    hospitals = read_hospitals(plan, write_extracts(folder / "sites"))
    return play_study(plan, hospitals, SEED, lambda _: None, keep=True)


def bundle_of(played: Played, folder: Path) -> Path:
    """Write a bundle without drawing a figure."""
    write_into(results(played), folder)
    (folder / "report.html").write_text("<p>not drawn</p>", encoding="utf-8")
    write_bundle(folder / names.BUNDLE, played, folder)
    return folder / names.BUNDLE


def both_forms(played: Played, folder: Path) -> Path:
    """Write a run's bundle, and its readers' form beside it, with that form's report drawn."""
    write_into(results(played), folder)
    (folder / "report.html").write_text("<p>not drawn</p>", encoding="utf-8")
    write_edition(results(played), folder / "published")
    write_bundle(folder / names.BUNDLE, played, folder, published=folder / "published")
    return folder / names.BUNDLE


def members_of(path: Path) -> Members:
    with ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def info(name: str, *, mode: int = 0o100644) -> ZipInfo:
    made = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    made.create_system, made.external_attr = 3, mode << 16
    return made


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write members as a bundle does."""
    with ZipFile(path, "w", ZIP_STORED) as file:
        for name, body in sorted(members.items()):
            file.writestr(info(name), body)
    return path


def listed(members: Members) -> Members:
    """Let the manifest list these members, as somebody without the coordinator's key can."""
    manifest = json.loads(members[names.MANIFEST])
    manifest["members"] = [
        {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in sorted(members.items())
        if name not in (names.MANIFEST, names.SEAL)
    ]
    return {**members, names.MANIFEST: canonical_json(manifest)}


def sealed(members: Members, ctx: bytes) -> Members:
    """List and seal these members, as a coordinator that lies can."""
    whole = listed(members)
    told = hashlib.sha256(whole[names.MANIFEST]).digest()
    signature = sign(OFFICE, "bundle", ctx, told)
    return {**whole, names.SEAL: canonical_json({"signature": signature.hex()})}


def ctx_of(played: Played) -> bytes:
    assert played.proof is not None
    return next(iter(played.proof.trips())).request.ctx


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@contextmanager
def opened(path: Path, members: Mapping[str, bytes]) -> Iterator[Bundle]:
    with open_bundle(zipped(path, members)) as bundle:
        yield bundle


RUNS = Conditions(runs=3)


def decision(played: Played, verdict: Said = Said.APPROVE, terms: Conditions = RUNS) -> Decision:
    """Decide on the plan of a run, as an operator at the first hospital would."""
    plan, site = plan_digest(played.plan), SiteId(played.sites[0])
    subject = Subject(bytes(32), plan, played.roster_digest, bytes(32))
    time = "2026-03-31T09:00:00Z"
    made = Decision(verdict, site, subject, terms, "Seen.\x1b[2J", "An operator", b"", time)
    return made.sign(bytes(32))


def answer(*decisions: Decision, state: str = "approved") -> Decided:
    """Say how the plan stands, as the hospital of the decisions would."""
    first = decisions[0]
    about, words = first.subject, tuple(one.to_bytes() for one in decisions)
    made = Decided(first.site, about.plan, about.roster, about.software, state, words)
    return made.sign(identity_seed(first.site))


def verdict_of(path: Path, members: Members) -> Verdict:
    with opened(path / "changed.zip", members) as bundle:
        return verify(bundle)


def fault_of(path: Path, members: Members) -> str:
    """Say why a bundle does not hold, be it refused at once or by a check."""
    try:
        verdict = verdict_of(path, members)
    except BundleError as error:
        return str(error)
    assert not verdict.holds
    return verdict.ticks[-1].fault
