"""The commands by which a hospital runs its node: set up, join, look, serve, and end it again.

What they do is in other modules; here it is asked for and told.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protocol.errors import Exit, FederationError
from protocol.words import same_words
from site_node.commands import app
from site_node.options import CONFIG, ConfigOption, Format, FormatOption, say

if TYPE_CHECKING:
    from protocol.governance.federation import Federation
    from site_node.carriers.events import Event as CarrierEvent
    from site_node.serving import Serving
    from site_node.setup import Identity


_AGAIN = "run it again and answer y, if that is what you want"


class NotConfirmedError(FederationError):
    """Nobody said yes."""

    code = "not-confirmed"
    exit = Exit.NOT_APPROVED
    fix = "run it again once you have compared the words by telephone"


class DifferentWordsError(FederationError):
    """The words that were read out are not those of the key that answered."""

    code = "words-differ"
    exit = Exit.TAMPERING
    fix = "do not go on: telephone again, with a number that you know from elsewhere"


@app.command()
def init(  # noqa: PLR0917 - typer names them all on the command line
    site: Annotated[str, typer.Argument(help="A short id for the hospital, such as lyon.")],
    name: Annotated[str, typer.Option(help="The name that people know the hospital by.")],
    extract: Annotated[str, typer.Option(help="The CSV file of the patients.")] = "extract.csv",
    mapping: Annotated[str | None, typer.Option(help="What the hospital calls things.")] = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Set a node up: its settings, its state folder, and keys that never leave it."""
    from site_node.setup import init as set_up  # noqa: PLC0415

    own = set_up(config, site, name, extract=extract, mapping=mapping)
    text = (
        f"{config} is written; the keys lie in {config.absolute().parent / 'state'}\n"
        f"This hospital's words: {own.words}\n"
        f"Next: riskset-site join ADDRESS --invite CODE"
    )
    told = {"schema": "riskset-site:init/1", "site": own.site, "words": own.words}
    say(output, text, {**told, "config": str(config)})


@app.command()
def join(
    address: Annotated[str, typer.Argument(help="The coordinating centre, as https://name:port.")],
    invite: Annotated[
        str, typer.Option(help="The invitation's code; '-' reads it from the standard input.")
    ],
    words: Annotated[
        str | None,
        typer.Option(help="The federation's six words, as they were read out to you; else asked."),
    ] = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Join a federation by an invitation. Nothing is trusted before you confirm the words."""
    from site_node.joining import join_federation  # noqa: PLC0415

    code = sys.stdin.readline() if invite == "-" else invite

    def confirm(federation: "Federation", own: "Identity") -> bool:
        return _confirmed(federation, own, words)

    joined = join_federation(config, address, code, confirm)
    text = (
        f"Joined {joined.federation.name}.\n"
        f"Read these words to the coordinating centre: {joined.own.words}\n"
        "Next: riskset-site doctor, then riskset-site serve once the centre has signed the roster"
    )
    told = {
        "schema": "riskset-site:join/1",
        "federation": joined.federation.name,
        "federation_words": joined.federation.words,
        "words": joined.own.words,
    }
    say(output, text, told)


def _confirmed(federation: "Federation", own: "Identity", words: str | None) -> bool:
    """Have the operator compare the words, or compare those that were given."""
    if words is not None:
        if not same_words(words, federation.words):
            raise DifferentWordsError("the words are not those of the federation that answered")
        return True
    typer.echo(
        f"The federation that answered: {federation.words}\n"
        f"This hospital:                {own.words}\n"
        "Ring the coordinating centre, with a number that you know from elsewhere, and compare "
        "both.",
        err=True,
    )
    return _yes("Are the federation's words the ones that they read out?", "--words WORDS")


def _yes(question: str, instead: str = "--yes") -> bool:
    """Ask on the terminal; without one, nobody has confirmed anything.

    `instead` is the option that answers it where there is no terminal.
    """
    if not sys.stdin.isatty():
        raise NotConfirmedError(
            "there is no terminal to confirm at", f"run it at a terminal, or give {instead}"
        )
    return typer.confirm(question, err=True)


@app.command()
def serve(
    config: ConfigOption = CONFIG,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show nothing but the log.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Answer the coordinator's requests until SIGTERM or Ctrl-C. Dials out; nobody can dial in."""
    from site_node.serving import ending_by_signal, prepared  # noqa: PLC0415

    del output  # the log is JSON lines in any case
    screen = Screen(quiet=quiet)
    with prepared(config, screen.tell) as node, ending_by_signal(node.carrier.stop):
        screen.ready(node)
        node.run()
    screen.ended()


@app.command()
def status(config: ConfigOption = CONFIG, output: FormatOption = Format.TEXT) -> None:
    """Tell what has left this hospital, and which runs are open. Disturbs no running node."""
    from site_node.status import node_status  # noqa: PLC0415

    found = node_status(config)
    say(output, found.as_text(), {"schema": "riskset-site:status/1", **found.as_json()})


@app.command()
def doctor(
    config: ConfigOption = CONFIG,
    report: Annotated[
        Path | None, typer.Option(help="Write a letter to the IT department into this new file.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Look at this computer, the files and the way to the coordinator; says how to mend things."""
    from site_node.doctor.examine import examine  # noqa: PLC0415
    from site_node.ledger import utc_now  # noqa: PLC0415

    found = examine(config, utc_now)
    if report is not None:
        with report.open("x", encoding="utf-8") as file:
            file.write(found.for_it() + "\n")
    say(output, found.as_text(), {"schema": "riskset-site:doctor/1", **found.as_json()})
    raise typer.Exit(int(found.exit))


@app.command()
def prepare(
    plan: Annotated[Path, typer.Argument(help="The plan of a study.")],
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Name a plan's file in the settings, to have its rows checked at start. Approves nothing."""
    from protocol.plan.digest import plan_digest  # noqa: PLC0415
    from protocol.plan.words import handle  # noqa: PLC0415
    from site_node.plan_file import read_plan_file  # noqa: PLC0415
    from site_node.setup import add_table  # noqa: PLC0415

    digest = plan_digest(read_plan_file(plan))
    add_table(config, "plans", {"file": str(plan.absolute()), "digest": digest.hex()})
    told = {"schema": "riskset-site:prepare/1", "plan": handle(digest), "digest": digest.hex()}
    say(output, f"{config}: knows plan {handle(digest)}; it is answered once it is approved", told)


@app.command()
def pin(
    site: Annotated[str, typer.Argument(help="The other hospital's id.")],
    words: Annotated[str, typer.Argument(help="The six words that its people read out to you.")],
    again: Annotated[
        bool, typer.Option("--again", help="The hospital has a new key: forget its old words.")
    ] = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Note another hospital's words, compared by telephone. Restart the node then."""
    from site_node.setup import add_table, change_words  # noqa: PLC0415

    if again:
        change_words(config, site, words)
    else:
        add_table(config, "known_sites", {"id": site, "words": words})
    told = {"schema": "riskset-site:pin/1", "site": site, "words": words}
    say(output, f"{config}: knows {site} by its words", told)


@app.command()
def rotate(
    abandon: Annotated[
        bool, typer.Option("--abandon", help="End open runs; their keys are deleted.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make a new identity key in the place of the old one. Needs the node to stand still."""
    from site_node.setup import Identity  # noqa: PLC0415
    from site_node.status import opened  # noqa: PLC0415
    from site_node.upkeep import rotate_identity  # noqa: PLC0415

    if not yes and not _yes("The old key is deleted for good. Go on?"):
        raise NotConfirmedError("the key stays as it is", _AGAIN)
    with opened(config, older=abandon) as (settings, folder, ledger):
        own = Identity(settings.site, rotate_identity(folder, ledger, os.urandom, abandon=abandon))
    text = (
        f"This hospital's new words: {own.words}\n"
        "Next: ask for a new invitation and join again; other hospitals have to pin the new words"
    )
    say(output, text, {"schema": "riskset-site:rotate/1", "site": own.site, "words": own.words})


@app.command()
def forget(
    study: Annotated[str, typer.Argument(help="The study's id, as status tells it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Delete what was sent and learnt in a study. Needs the node to stand still."""
    from site_node.status import opened  # noqa: PLC0415
    from site_node.upkeep import forget_study  # noqa: PLC0415

    if not yes and not _yes(f"What was sent in {study} is deleted for good. Go on?"):
        raise NotConfirmedError("nothing was deleted", _AGAIN)
    with opened(config) as (_, _, ledger):
        count = forget_study(ledger, study)
    runs = "1 run" if count == 1 else f"{count} runs"
    told = {"schema": "riskset-site:forget/1", "study": study, "runs": count}
    say(output, f"Forgotten: {runs} of {study}", told)


@app.command()
def consent(
    study: Annotated[str, typer.Argument(help="The study that this hospital leaves.")],
    out: Annotated[Path, typer.Option(help="The new file to write the consent to.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Consent to the others going on without this hospital; they need it under rule L."""
    from site_node.leaving import write_consent  # noqa: PLC0415

    question = (
        "The difference between the study with and without this hospital then shows this "
        "hospital's own totals. Consent?"
    )
    if not yes and not _yes(question):
        raise NotConfirmedError("nothing was signed", _AGAIN)
    written = write_consent(config, study, out)
    told = {"schema": "riskset-site:consent/1", "study": study, "site": written.site}
    say(output, f"{out}: give it to the coordinating centre", {**told, "file": str(out)})


class Screen:
    """What the operator sees while the node serves: one line for every change."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def ready(self, node: "Serving") -> None:
        """Say what the node is and what it serves."""
        config = node.config
        plans = "1 plan" if len(config.plans) == 1 else f"{len(config.plans)} plans"
        self._line(f"{config.name} ({config.site}): knows {plans}; dialling {config.address}")

    def tell(self, event: "CarrierEvent") -> None:
        """Say what became of the connection; a try that failed as before is not said again."""
        from site_node.carriers import events  # noqa: PLC0415

        match event:
            case events.Connected(office, _, _):
                self._line(f"connected to {office}")
            case events.Down(error, seconds, changed) if changed:
                self._line(f"{error}  [{error.code}]\n  fix  {error.fix}")
                self._line(f"  trying again, next in {seconds:.0f} s")
            case events.Warned(error):
                self._line(f"{error}  [{error.code}]\n  fix  {error.fix}")
            case events.Stopping(busy):
                self._line("finishing the answer in hand, then ending" if busy else "ending")
            case _:
                pass

    def ended(self) -> None:
        """Say that nothing runs any more."""
        self._line("ended; open runs go on when it serves again")

    def _line(self, text: str) -> None:
        if not self._quiet:
            typer.echo(text, err=True)
