"""An operator's part: make a key, propose by file, decide, pause. The node is not needed for it.

What is decided goes into the node's inbox; where no node is running, it is taken in at once.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from protocol.errors import Exit, FederationError
from protocol.governance.approval import NO_CONDITIONS, Conditions, Decision, Standing, Verdict
from protocol.governance.identity import identity_public
from protocol.governance.proposal import Proposal
from protocol.plan.model import Plan
from protocol.plan.read import read_canonical
from protocol.words import same_words, words
from site_node.approvals import Approvals, Desk, House
from site_node.config import SiteConfig, read_config
from site_node.folder import (
    FILE_MODE,
    FOLDER_MODE,
    SEED_SIZE,
    LockedError,
    StateFolder,
    state_folder,
    write_private,
)
from site_node.inbox import Item, ItemKind, leave, waiting
from site_node.ledger import Ledger, utc_now
from site_node.logs import Log
from site_node.node import house_of
from site_node.past import past_runs
from site_node.setup import add_table
from site_node.software import installed_software

SHOWN_WORDS = 3


class DecidingError(FederationError):
    """An operator's wish cannot be followed as it was said."""

    code = "deciding"
    exit = Exit.USAGE
    fix = "see riskset-site pending for what waits, and riskset-site operator for who decides"


class WordsError(FederationError):
    """The words that were typed are not those of the plan."""

    code = "words-differ"
    exit = Exit.NOT_APPROVED
    fix = "look at the plan again with riskset-site show, and type its three words"


class CommentError(FederationError):
    """Something is to be reviewed, and nothing was said about it."""

    code = "comment-due"
    exit = Exit.NOT_APPROVED
    fix = "say with --comment why it is welcome all the same"


@dataclass(frozen=True)
class Waiting:
    """A proposal and how it stands, as ledger and inbox tell."""

    proposal: Proposal
    plan: Plan
    standing: Standing

    @property
    def words(self) -> str:
        """The three words that name the plan."""
        return words(self.proposal.plan_digest, SHOWN_WORDS)


@dataclass(frozen=True)
class Wish:
    """What an operator decides: `typed` are the words that they typed, `due` whether to comment."""

    verdict: Verdict
    operator: str
    seed: bytes
    typed: str
    comment: str = ""
    conditions: Conditions = NO_CONDITIONS
    due: bool = False


def add_operator(
    config: Path, name: str, path: Path | None, random: Callable[[int], bytes]
) -> tuple[Path, bytes]:
    """Make an operator's key, and name it in the settings; gives its file and public half.

    Raises
    ------
    DecidingError
        If the file is there already.
    ProblemsError
        If the settings do not take the name; then the key is not made.
    """
    settings = read_config(config)
    place = path or StateFolder(settings.state).operators / f"{_plain(name)}.key"
    if place.exists():
        raise DecidingError(f"{place}: is there already", "choose another name, or give --key")
    seed = random(SEED_SIZE)
    public = identity_public(seed)
    add_table(config, "approval.operators", {"name": name, "key": public.hex()})
    place.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    write_private(place, seed)
    return place, public


def read_operator(settings: SiteConfig, name: str, path: Path | None) -> tuple[str, bytes]:
    """Read an operator's key; gives the name that the settings have for it, and the seed.

    Raises
    ------
    DecidingError
        If there is none, others may read it, or the settings do not name it.
    """
    place = path or StateFolder(settings.state).operators / f"{_plain(name)}.key"
    try:
        seed, mode = place.read_bytes(), place.stat().st_mode & 0o777
    except OSError as error:
        why = (error.strerror or "cannot be read").lower()
        raise DecidingError(f"{place}: {why}", "name the operator's key with --key") from None
    if mode & ~FILE_MODE or len(seed) != SEED_SIZE:
        raise DecidingError(f"{place}: is no key, or others may read it", f"chmod 600 {place}")
    known = settings.operators.get(identity_public(seed))
    if known is None:
        raise DecidingError(
            f"{place}: the key is no operator's of this hospital",
            "name it under [[approval.operators]] in site.toml, or riskset-site operator",
        )
    return known, seed


def all_waiting(settings: SiteConfig, software: bytes) -> tuple[Waiting, ...]:
    """List all proposals and how they stand, what waits in the inbox included.

    Raises
    ------
    FederationError
        If state folder or ledger are not as they have to be.
    """
    approvals = peek(settings, software)
    return tuple(
        Waiting(
            one,
            read_canonical(one.plan),
            approvals.stands(one.plan_digest, one.roster_digest),
        )
        for one in approvals.proposals
    )


def peek(settings: SiteConfig, software: bytes) -> Approvals:
    """Read what was decided, beside a node that may be running; writes nothing."""
    folder = StateFolder(settings.state)
    # The inbox first: what the node takes in meanwhile is then in the ledger.
    left = [item for _, item in waiting(folder)]
    with closing(Ledger.open(folder.ledger, folder.head, older=True)) as ledger:
        approvals = Approvals.read(house_of(settings, folder, software), ledger)
        newest, now = past_runs(ledger).newest, utc_now()
        for item in left:
            # What the node will refuse is no decision yet.
            with suppress(FederationError, ValueError):
                if item is not None:
                    entry = approvals.accept(item, newest, now)
                    if not approvals.has(entry):
                        approvals.add(entry)
    return approvals


def is_paused(settings: SiteConfig, software: bytes) -> bool:
    """Tell whether an operator paused the node, or is about to."""
    return peek(settings, software).paused


def find(listed: tuple[Waiting, ...], text: str) -> Waiting:
    """Find a proposal by three words or the beginning of the digest; the newest of equal plans.

    Raises
    ------
    DecidingError
        If none is called so, or several plans are.
    """
    found = [
        one
        for one in listed
        if same_words(one.words, text) or (text and one.proposal.plan_digest.hex().startswith(text))
    ]
    if not found or len({one.proposal.plan_digest for one in found}) > 1:
        how = "several plans are" if found else "no plan that was proposed is"
        raise DecidingError(f"{how} called {text!r}")
    return found[-1]


def decide(house: House, about: Waiting, wish: Wish, now: datetime) -> Decision:
    """Sign what an operator decides, once the plan's words were typed.

    Raises
    ------
    WordsError
        If other words were typed.
    CommentError
        If a comment is due.
    """
    if not same_words(wish.typed, about.words):
        raise WordsError(f"the words that were typed are not {about.words!r}")
    silent = not wish.comment.strip()
    if silent and wish.due and wish.verdict is Verdict.APPROVE:
        raise CommentError("you cannot approve this until you add a comment")
    if silent and wish.verdict is Verdict.RETURN:
        fix = "ask with --comment; the words go to the coordinating centre"
        raise CommentError("a plan is returned with a question, and there is none", fix)
    return Decision(
        verdict=wish.verdict,
        site=house.site,
        subject=house.subject(about.proposal.plan_digest, about.proposal.roster_digest),
        conditions=wish.conditions,
        comment=wish.comment.strip(),
        operator=wish.operator,
        key=b"",
        time=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    ).sign(wish.seed)


def submit(settings: SiteConfig, software: bytes, *items: Item) -> bool:
    """Leave items for the node, or take them in where none is running; says whether they are in.

    Raises
    ------
    DecidingError
        If the node that is asked for would not take one in.
    FederationError
        If state folder or ledger are not as they have to be.
    """
    folder = StateFolder(settings.state)
    _try(settings, software, items)
    for item in items:
        leave(folder, item)
    try:
        with (
            state_folder(settings.state) as own,
            closing(Ledger.open(own.ledger, own.head)) as ledger,
        ):
            house = house_of(settings, own, software)
            desk = Desk.open(house, own, ledger, Log(StringIO(), utc_now))
            desk.take_in(past_runs(ledger).newest, utc_now())
    except LockedError:
        return False
    return True


def approve(
    config: Path,
    proposal: Proposal,
    operator: str,
    key: Path,
    software: bytes | None = None,
    *,
    conditions: Conditions = NO_CONDITIONS,
) -> None:
    """Take a proposal in and approve it at once: where one program plays all parts, as in a demo.

    Without `software` it is that of the node (`running_software`).

    Raises
    ------
    FederationError
        If proposal or key are not the hospital's.
    """
    settings = read_config(config)
    software = software or running_software(settings)
    submit(settings, software, proposal_item(proposal))
    name, seed = read_operator(settings, operator, key)
    about = find(all_waiting(settings, software), proposal.plan_digest.hex())
    house = house_of(settings, StateFolder(settings.state), software)
    wish = Wish(Verdict.APPROVE, name, seed, about.words, conditions=conditions)
    submit(settings, software, decision_item(decide(house, about, wish, utc_now())))


def running_software(settings: SiteConfig) -> bytes:
    """Name the software that is to be approved: a running node's own, else what is installed.

    Raises
    ------
    UnavailableError
        If a file cannot be read.
    """
    try:
        with state_folder(settings.state):
            return installed_software()
    except LockedError:
        told = StateFolder(settings.state).software
        return told.read_bytes() if told.exists() else installed_software()


def _try(settings: SiteConfig, software: bytes, items: tuple[Item, ...]) -> None:
    """Tell now what the node would only write into its log."""
    folder = StateFolder(settings.state)
    approvals = peek(settings, software)
    with closing(Ledger.open(folder.ledger, folder.head, older=True)) as ledger:
        newest = past_runs(ledger).newest
    for item in items:
        entry = approvals.accept(item, newest, utc_now())
        if not approvals.has(entry):
            approvals.add(entry)


def decision_item(decision: Decision) -> Item:
    """Wrap a decision for the inbox."""
    return Item(ItemKind.DECISION, decision.to_bytes().decode())


def proposal_item(proposal: Proposal) -> Item:
    """Wrap a proposal for the inbox."""
    return Item(ItemKind.PROPOSAL, proposal.to_bytes().decode())


def _plain(name: str) -> str:
    kept = "".join(sign if sign.isalnum() else "-" for sign in name.lower())
    return kept.strip("-") or "operator"
