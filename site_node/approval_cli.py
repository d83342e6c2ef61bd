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
CommentOption = Annotated[str, typer.Option("--comment", help="Goes with the decision.")]

CountsOption = Annotated[
    bool, typer.Option("--counts", help="Show how many patients the smallest groups have.")
]


def review_here(settings: "SiteConfig", plan: "Plan", *, counts: bool = False) -> tuple[str, ...]:
    """Name what of a plan needs a look before it is approved, on this hospital's own rows too."""
    from site_node.preview.review import of_plan, of_rows  # noqa: PLC0415
    from site_node.preview_cli import own_cohort  # noqa: PLC0415

    try:
        cohort, own = own_cohort(plan, settings)
        found = of_rows(plan, cohort, os.urandom(32), own, counts=counts)
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

    settings, software = _settings(config)
    if file is not None:
        _take_file(settings, software, file)
    listed = _all(settings, software)
    lines, plans = list[str](), list[dict[str, Any]]()
    for one in listed:
        lines.append(f"{one.words}  {one.plan.study.title}  {one.standing.state}")
        waits = one.standing.state == State.PENDING
        found = review_here(settings, one.plan, counts=counts) if waits else ()
        lines += [f"  review: {item}" for item in found]
        plans.append({**_as_json(one), "review": list(found)})
    told = {"schema": "riskset-site:pending/1", "plans": plans}
    say(output, "\n".join(lines) or "0 decisions waiting", told)


@app.command()
def show(
    plan: PlanArgument,
    counts: CountsOption = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show a plan that was proposed: what it says, what changed, what needs a look, who decided."""
    settings, software = _settings(config)
    about = _find(settings, software, plan)
    edited = _edits(about, _all(settings, software))
    found = review_here(settings, about.plan, counts=counts)
    text = "\n".join(_shown(about, software, edited, found))
    told = {**_as_json(about), "software": software.hex(), "changes": list(edited)}
    told["review"] = list(found)
    say(output, text, {"schema": "riskset-site:show/1", **told})


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
    from protocol.governance.approval import Conditions, Verdict  # noqa: PLC0415

    try:
        terms = Conditions(expires, runs, min_sites, site_patients, tuple(drop or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _decide(Verdict.APPROVE, plan, (name, key), words, comment, terms, config, output)


@app.command()
def refuse(  # noqa: PLR0917
    plan: PlanArgument,
    name: NameOption,
    words: WordsOption = None,
    comment: CommentOption = "",
    key: KeyOption = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Refuse a plan: nothing of it is answered."""
    from protocol.governance.approval import Verdict  # noqa: PLC0415

    _decide(Verdict.REFUSE, plan, (name, key), words, comment, None, config, output)


@app.command("return")
def return_(  # noqa: PLR0917
    plan: PlanArgument,
    name: NameOption,
    words: WordsOption = None,
    comment: CommentOption = "",
    key: KeyOption = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Return a plan with a question: the comment goes to the coordinating centre."""
    from protocol.governance.approval import Verdict  # noqa: PLC0415

    _decide(Verdict.RETURN, plan, (name, key), words, comment, None, config, output)


@app.command()
def withdraw(  # noqa: PLR0917
    plan: PlanArgument,
    name: NameOption,
    words: WordsOption = None,
    comment: CommentOption = "",
    key: KeyOption = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Withdraw a plan: its runs end here before the next message."""
    from protocol.governance.approval import Verdict  # noqa: PLC0415

    _decide(Verdict.WITHDRAW, plan, (name, key), words, comment, None, config, output)


@app.command()
def pause(
    who: Annotated[
        str, typer.Option("--by", help="Who pauses; goes into the ledger.")
    ] = "operator",
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Stop all answers before the next message. Runs stay open."""
    from site_node.inbox import ItemKind  # noqa: PLC0415

    _switch(ItemKind.PAUSE, who, config, output)


@app.command()
def resume(
    who: Annotated[
        str, typer.Option("--by", help="Who resumes; goes into the ledger.")
    ] = "operator",
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Answer again after a pause."""
    from site_node.inbox import ItemKind  # noqa: PLC0415

    _switch(ItemKind.RESUME, who, config, output)


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
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.ledger import utc_now  # noqa: PLC0415
    from site_node.node import house_of  # noqa: PLC0415

    settings, software = _settings(config)
    about = _find(settings, software, plan)
    named, seed = deciding.read_operator(settings, *who)
    # What is not approved needs no look at the rows.
    review = review_here(settings, about.plan) if verdict is Verdict.APPROVE else ()
    wish = deciding.Wish(
        verdict=verdict,
        operator=named,
        seed=seed,
        typed=words if words is not None else _typed(about, software, review),
        comment=comment,
        conditions=terms or NO_CONDITIONS,
        due=bool(review),
    )
    house = house_of(settings, StateFolder(settings.state), software)
    decision = deciding.decide(house, about, wish, utc_now())
    deciding.submit(settings, software, deciding.decision_item(decision))
    stands = _find(settings, software, about.proposal.plan_digest.hex()).standing
    text = f"{about.words}: {verdict} by {named}; the plan is {stands.state} at this hospital"
    told = {"schema": f"riskset-site:{verdict}/1", "plan": about.words, "state": stands.state}
    say(output, text, {**told, "decision": decision.to_bytes().decode()})


def _typed(about: "Waiting", software: bytes, review: Sequence[str]) -> str:
    """Show what is decided, and have its words typed; without a terminal nobody has."""
    from site_node.deciding import WordsError  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise WordsError("there is no terminal to type the plan's words at", "give them by --words")
    typer.echo(f"{about.plan.study.title}\n{about.plan.study.purpose}", err=True)
    for item in review:
        typer.echo(f"review: {item}", err=True)
    typer.echo(f"plan {about.words}, software {software.hex()[:16]}", err=True)
    typed: str = typer.prompt("Type the plan's three words", err=True)
    return typed


def _shown(
    about: "Waiting", software: bytes, edited: Sequence[str], review: Sequence[str]
) -> list[str]:
    from protocol.plan.explain import explain  # noqa: PLC0415

    proposal, lines = about.proposal, [f"{about.words}: {about.standing.state}"]
    lines += [
        f"plan      {proposal.plan_digest.hex()}",
        f"roster    {proposal.roster_digest.hex()}",
    ]
    lines.append(f"software  {software.hex()}")
    for section in explain(about.plan):
        lines += ["", section.title, *(f"  {sentence}" for sentence in section.sentences)]
        rows = section.table.rows if section.table else ()
        lines += [f"    {' | '.join(row)}" for row in rows]
    lines += ["", "Review", *(f"  {item}" for item in review or ["nothing"])]
    if edited:
        lines += ["", "Changed since the plan that was decided on before", *edited]
    for one in about.standing.words:
        lines.append(f"{one.time} {one.operator}: {one.verdict} {one.comment}".rstrip())
    return lines


def _edits(about: "Waiting", listed: Sequence["Waiting"]) -> tuple[str, ...]:
    """Say what changed since the last plan of this study that somebody decided on."""
    from site_node.plan_changes import changes  # noqa: PLC0415

    before = [
        one
        for one in listed
        if one.standing.words
        and one.plan.study.id == about.plan.study.id
        and one.proposal.plan_digest != about.proposal.plan_digest
    ]
    return changes(before[-1].plan, about.plan) if before else ()


def _as_json(about: "Waiting") -> dict[str, Any]:
    stands = about.standing
    return {
        "words": about.words,
        "study": about.plan.study.id,
        "plan": about.proposal.plan_digest.hex(),
        "roster": about.proposal.roster_digest.hex(),
        "state": stands.state,
        "decisions": [one.to_bytes().decode() for one in stands.words],
        "needed": stands.needed,
    }


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
    from protocol.governance.proposal import Proposal  # noqa: PLC0415
    from site_node.deciding import proposal_item, submit  # noqa: PLC0415

    proposal = Proposal.from_bytes(file.read_bytes())
    submit(settings, software, proposal_item(proposal))
    return proposal.plan_digest.hex()
