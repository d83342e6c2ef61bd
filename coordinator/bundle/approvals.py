"""What hospitals said about the plan of a run, as members of its bundle (SPEC 4.8).

Each is a hospital's signed answer, with its operators' own decisions spelled out as they signed
them. Whose key a decision is signed with, only the hospital can say: rosters name no operators.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from coordinator.bundle.plain import BundleError, parsed, plain
from protocol.canonical import Json, canonical_json
from protocol.disclosure_site import Tighter
from protocol.governance.approval import NO_CONDITIONS, Decision, State, Verdict
from protocol.ids import SiteId, site_id
from protocol.requests import Decided
from protocol.secagg.messages import Run

FOLDER = "approvals/"

_SAID = {
    Verdict.APPROVE: "approved",
    Verdict.REFUSE: "refused",
    Verdict.RETURN: "returned",
    Verdict.WITHDRAW: "withdrawn",
}


def member(site: SiteId) -> str:
    """Name a hospital's answer in a bundle."""
    return f"{FOLDER}{site}.json"


def approval_files(answers: Iterable[Decided]) -> dict[str, bytes]:
    """Write hospitals' answers as members of a bundle."""
    return {member(said.site): _written(said) for said in answers}


def check_approval(raw: bytes, name: str, run: Run, federation: bytes | None) -> Decided:
    """Read an answer and see that hospital and operators signed it, about this run's plan.

    `federation` is the digest of the bundle's federation (32 bytes), if it has one.

    Raises
    ------
    BundleError
        If it is no answer, or about something else.
    SignatureError, RosterError
        If a signature or the hospital is wrong.
    """
    said, decisions = _read(raw, name)
    if member(said.site) != name:
        raise BundleError(f"{name}: is the answer of {said.site}")
    said.verify(run.roster.identity_of(said.site))
    wanted = (run.plan_digest, run.roster.digest)
    if (said.plan, said.roster) != wanted:
        raise BundleError(f"{name}: is about another plan or roster")
    for one in decisions:
        one.verify()
        about = one.subject
        if one.site != said.site or (about.plan, about.roster) != wanted:
            raise BundleError(f"{name}: a decision is about another plan, roster or hospital")
        if federation is not None and about.federation != federation:
            raise BundleError(f"{name}: a decision is about another federation")
    if said.state == State.APPROVED and not _approve(decisions):
        raise BundleError(f"{name}: says that it is approved, and nobody approved it")
    return said


def sentence(said: Decided) -> str:
    """Say who decided what and when, under which conditions."""
    words = [_word(one) for one in map(Decision.from_bytes, said.decisions)]
    waits = [str(said.state)] if said.state == State.PENDING or not words else []
    return "; ".join([*waits, *words])


def conditions(files: Mapping[str, bytes]) -> Tighter:
    """Join the conditions of all approvals among members of a bundle: the strictest of each.

    Raises
    ------
    BundleError
        If an answer is none.
    """
    found = [
        one.conditions
        for name, raw in files.items()
        if name.startswith(FOLDER)
        for one in _read(raw, name)[1]
        if one.verdict is Verdict.APPROVE
    ]
    return Tighter(
        min_sites=max((one.min_sites for one in found), default=0) or None,
        site_patients=max((one.site_patients for one in found), default=0) or None,
    )


def _word(one: Decision) -> str:
    terms = "" if one.conditions == NO_CONDITIONS else f" ({one.conditions.in_words()})"
    comment = f": {shown(one.comment)}" if one.comment else ""
    return f"{_SAID[one.verdict]} by {shown(one.operator)}, {one.time}{terms}{comment}"


def shown(text: str) -> str:
    """Write what a person said, and leave out what would move the cursor of whoever reads it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _approve(decisions: Iterable[Decision]) -> bool:
    found = tuple(decisions)
    return bool(found) and all(one.verdict is Verdict.APPROVE for one in found)


def _written(said: Decided) -> bytes:
    body = cast("dict[str, Json]", plain(said))
    # As JSON in JSON, for people to read; its one encoding gives the signed bytes back.
    decisions = [cast("Json", parsed(one, said.site)) for one in said.decisions]
    return canonical_json({**body, "decisions": decisions})


def _read(raw: bytes, name: str) -> tuple[Decided, tuple[Decision, ...]]:
    data = parsed(raw, name)
    try:
        bodies = tuple(canonical_json(one) for one in data["decisions"])
        digests = {key: bytes.fromhex(data[key]) for key in _HEX}
        said = Decided(
            site=site_id(data["site"]), state=State(data["state"]), decisions=bodies, **digests
        )
        decisions = tuple(map(Decision.from_bytes, bodies))
        same = _written(said) == raw
    except (KeyError, TypeError, ValueError):
        raise BundleError(f"{name}: is no answer of a hospital") from None
    if not same:
        raise BundleError(f"{name}: is not in its one encoding")
    return said, decisions


_HEX = ("plan", "roster", "software", "signature")
