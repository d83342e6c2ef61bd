"""The commands by which a hospital's operators decide: look, approve, refuse, withdraw, pause."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocol.errors import FederationError
from site_node.commands import app
from site_node.options import CONFIG, ConfigOption, Format, FormatOption, say

if TYPE_CHECKING:
    from protocol.governance.approval import Conditions, Verdict
    from protocol.plan.model import Plan
    from site_node.approvals import House
    from site_node.config import SiteConfig
    from site_node.deciding import Waiting
    from site_node.inbox import ItemKind

PlanArgument = Annotated[
    str, typer.Argument(help="The plan's three words, the beginning of its digest, or its file.")
]
NameOption = Annotated[str, typer.Option("--operator", help="Who decides, as settings name them.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="The operator's key; default: in the state folder.")
]
WordsOption = Annotated[
    str | None, typer.Option("--words", help="The plan's three words, typed; else asked.")
]
CommentOption = Annotated[
    str,
    typer.Option(
        "--comment",
        help="Goes to the centre with the decision, and to readers of the results: "
        "no number of patients.",
    ),
]

CountsOption = Annotated[
    bool, typer.Option("--counts", help="Show how many patients the smallest groups have.")
]


def review_here(
    settings: "SiteConfig", software: bytes, plan: "Plan", *, counts: bool = False
) -> tuple[str, ...]:
    """Name what of a plan needs a look before it is approved, on this hospital's own rows too.

    Without `counts` the study is rehearsed once for these rows, and what that found is kept.
    """
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.preview.kept import kept_or  # noqa: PLC0415
    from site_node.preview.own_rows import own_rows  # noqa: PLC0415
    from site_node.preview.review import of_plan, of_rows  # noqa: PLC0415

    def look() -> tuple[str, ...]:
        return of_rows(plan, snapshot.cohort, os.urandom(32), own, counts=counts)

    try:
        snapshot, own = own_rows(plan, settings)
        folder = StateFolder(settings.state)
        found = look() if counts else kept_or(folder, snapshot, own, software, look)
    except (FederationError, OSError) as error:
        # Whoever approves without a look has to say so.
        first, *_ = str(error).splitlines() or [""]
        found = (f"this hospital's rows could not be looked at: {first}",)
    return (*of_plan(plan), *found)


@app.command()
def operator(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    key: KeyOption = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a key for a person who decides, and name it in the settings. Restart the node then."""
    from site_node.deciding import add_operator  # noqa: PLC0415

    path, public = add_operator(config, name, key, os.urandom)
    told = {"schema": "riskset-site:operator/1", "name": name, "key": public.hex()}
    text = f"{path}: the key of {name}; keep it where only they can read it"
    say(output, text, {**told, "file": str(path)})


@app.command()
def pending(
    file: Annotated[Path | None, typer.Argument(help="A proposal's file to take in first.")] = None,
    counts: CountsOption = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the plans that were proposed, how each stands, and what of it needs a look."""
    from protocol.governance.approval import State  # noqa: PLC0415
    from site_node.approval_page import as_json, is_superseded, state_of  # noqa: PLC0415
    from site_node.deciding import is_paused  # noqa: PLC0415
    from site_node.status import PAUSED  # noqa: PLC0415

    settings, software = _settings(config)
    if file is not None:
        _take_file(settings, software, file)
    listed, paused = _all(settings, software), is_paused(settings, software)
    lines, plans = [PAUSED] if paused else [], list[dict[str, Any]]()
    for one in listed:
        past = is_superseded(one, listed)
        older = ", under a roster that is superseded" if past else ""
        lines.append(f"{one.words}  {one.plan.study.title}  {state_of(one)}{older}")
        waits = one.standing.state == State.PENDING and not past
        found = review_here(settings, software, one.plan, counts=counts) if waits else ()
        lines += [f"  review: {item}" for item in found]
        plans.append({**as_json(one), "superseded": past, "review": list(found)})
    told = {"schema": "riskset-site:pending/1", "paused": paused, "plans": plans}
    say(output, "\n".join(lines if plans else [*lines, "0 decisions waiting"]), told)


@app.command()
def show(
    plan: PlanArgument,
    counts: CountsOption = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show a proposed plan: what it says, what will leave, what to look at, who decided."""
    from site_node.approval_page import ApprovalPage, edits  # noqa: PLC0415

    settings, software = _settings(config)
    about = _find(settings, software, plan)
    edited = edits(about, _all(settings, software))
    found = review_here(settings, software, about.plan, counts=counts)
    page = ApprovalPage(about, _house(settings, software), found, edited)
    say(output, page.as_text(), {"schema": "riskset-site:show/1", **page.as_json()})


@app.command()
def approve(  # noqa: PLR0917 - typer names them all on the command line
    plan: PlanArgument,
    name: NameOption,
    words: WordsOption = None,
    comment: CommentOption = "",
    expires: Annotated[str, typer.Option(help="UTC, such as 2030-01-31.")] = "",
    runs: Annotated[int, typer.Option(help="Runs at the most.", min=0)] = 0,
    min_sites: Annotated[int, typer.Option(help="Hospitals at the least.", min=0)] = 0,
    site_patients: Annotated[int, typer.Option(help="Own patients at the least.", min=0)] = 0,
    drop: Annotated[list[str] | None, typer.Option(help="A step never to answer.")] = None,
    key: KeyOption = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Approve a plan under conditions, with your own key. Its three words have to be typed."""
    from protocol.costs import is_step  # noqa: PLC0415
    from protocol.governance.approval import Conditions, Verdict  # noqa: PLC0415

    for step in drop or ():
        if not is_step(step):  # it would drop nothing, and nobody would know
            told = "is no step; the table 'What will leave each hospital' of show names them"
            raise typer.BadParameter(f"{step}: {told}")
    try:
        terms = Conditions(expires, runs, min_sites, site_patients, tuple(drop or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _decide(Verdict.APPROVE, plan, (name, key), words, comment, terms, config, output)


def _add_ending(verdict: str, told: str) -> None:
    """Attach a command that ends what was approved: they differ in their word alone."""

    @app.command(verdict, help=told)
    def end(  # noqa: PLR0917
        plan: PlanArgument,
        name: NameOption,
        words: WordsOption = None,
        comment: CommentOption = "",
        key: KeyOption = None,
        config: ConfigOption = CONFIG,
        output: FormatOption = Format.TEXT,
    ) -> None:
        from protocol.governance.approval import Verdict  # noqa: PLC0415

        _decide(Verdict(verdict), plan, (name, key), words, comment, None, config, output)


_add_ending("refuse", "Refuse a plan: nothing of it is answered.")
_add_ending("return", "Return a plan with a question: the comment goes to the coordinating centre.")
_add_ending("withdraw", "Withdraw a plan: its runs end here before the next message.")


def _add_switch(kind: str, told: str) -> None:
    """Attach a command that pauses the node, or ends the pause."""

    @app.command(kind, help=told)
    def switch(
        who: Annotated[str, typer.Option("--by", help="Who it is; goes into the ledger.")] = (
            "operator"
        ),
        config: ConfigOption = CONFIG,
        output: FormatOption = Format.TEXT,
    ) -> None:
        from site_node.inbox import ItemKind  # noqa: PLC0415

        _switch(ItemKind(kind), who, config, output)


_add_switch("pause", "Stop all answers before the next message. Runs stay open.")
_add_switch("resume", "Answer again after a pause.")


def _switch(kind: "ItemKind", who: str, config: Path, output: Format) -> None:
    from site_node.deciding import submit  # noqa: PLC0415
    from site_node.inbox import Item  # noqa: PLC0415

    settings, software = _settings(config)
    submit(settings, software, Item(kind, who))
    say(output, f"{kind}: acts before the next message", {"schema": f"riskset-site:{kind}/1"})


def _decide(  # noqa: PLR0917 - one place for what four commands share
    verdict: "Verdict",
    plan: str,
    who: tuple[str, Path | None],
    words: str | None,
    comment: str,
    terms: "Conditions | None",
    config: Path,
    output: Format,
) -> None:
    from protocol.governance.approval import NO_CONDITIONS, Verdict  # noqa: PLC0415
    from site_node import deciding  # noqa: PLC0415
    from site_node.approval_page import state_of  # noqa: PLC0415
    from site_node.ledger import utc_now  # noqa: PLC0415

    settings, software = _settings(config)
    about = _find(settings, software, plan)
    named, seed = deciding.read_operator(settings, *who)
    # What is not approved needs no look at the rows.
    approves = verdict is Verdict.APPROVE
    review = review_here(settings, software, about.plan) if approves else ()
    conditions = terms or NO_CONDITIONS
    wish = deciding.Wish(
        verdict=verdict,
        operator=named,
        seed=seed,
        typed=words if words is not None else _typed(about, software, review, conditions),
        comment=comment,
        conditions=conditions,
        due=bool(review),
    )
    decision = deciding.decide(_house(settings, software), about, wish, utc_now())
    deciding.submit(settings, software, deciding.decision_item(decision))
    after = _find(settings, software, about.proposal.plan_digest.hex())
    text = f"{about.words}: {verdict} by {named}; the plan is {state_of(after)} at this hospital"
    state = after.standing.state
    told = {"schema": f"riskset-site:{verdict}/1", "plan": about.words, "state": state}
    say(output, text, {**told, "decision": decision.to_bytes().decode()})


def _typed(
    about: "Waiting", software: bytes, review: Sequence[str], conditions: "Conditions"
) -> str:
    """Show what is decided, and have its words typed; without a terminal nobody has."""
    from site_node.deciding import WordsError  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise WordsError("there is no terminal to type the plan's words at", "give them by --words")
    typer.echo(f"{about.plan.study.title}\n{about.plan.study.purpose}", err=True)
    for item in review:
        typer.echo(f"review: {item}", err=True)
    if told := conditions.in_words():
        typer.echo(f"conditions: {told}", err=True)
    typer.echo(f"plan {about.words}, software {software.hex()[:16]}", err=True)
    typed: str = typer.prompt("Type the plan's three words", err=True)
    return typed


def _house(settings: "SiteConfig", software: bytes) -> "House":
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.node import house_of  # noqa: PLC0415

    return house_of(settings, StateFolder(settings.state), software)


def _settings(config: Path) -> "tuple[SiteConfig, bytes]":
    from site_node.config import read_config  # noqa: PLC0415
    from site_node.deciding import running_software  # noqa: PLC0415

    settings = read_config(config)
    return settings, running_software(settings)


def _all(settings: "SiteConfig", software: bytes) -> "tuple[Waiting, ...]":
    from site_node.deciding import all_waiting  # noqa: PLC0415

    return all_waiting(settings, software)


def _find(settings: "SiteConfig", software: bytes, plan: str) -> "Waiting":
    from site_node.deciding import find  # noqa: PLC0415

    if plan.endswith(".json"):
        plan = _take_file(settings, software, Path(plan))
    return find(_all(settings, software), plan)


def _take_file(settings: "SiteConfig", software: bytes, file: Path) -> str:
    """Take a proposal's file in; gives the plan's digest in hex."""
    from protocol.governance.proposal import Proposal, ProposalError  # noqa: PLC0415
    from site_node.deciding import proposal_item, submit  # noqa: PLC0415

    try:
        proposal = Proposal.from_bytes(file.read_bytes())
    except ProposalError as error:
        raise ProposalError(f"{file}: {error}") from None
    submit(settings, software, proposal_item(proposal))
    return proposal.plan_digest.hex()
