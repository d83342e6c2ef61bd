"""The commands of a coordinating centre: found it, invite hospitals, say who takes part, serve."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from coordinator.backup import backup as copy_journal
from coordinator.backup import restore as put_back
from coordinator.config import CoordinatorConfig, read_config
from coordinator.members import JoinState, decide_join, keep_invitation, kept_joins
from coordinator.store import Store
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.governance.invitation import SECRET_SIZE, new_invitation, parse_invitation
from protocol.ids import SiteId
from riskset.centre import CONFIG, Wanted, certify, found
from riskset.rosters import DraftError, waiting
from riskset.rosters import accept as accept_join
from riskset.rotation import rotate as change_key
from riskset.serving import read_federation, serve_centre, utc_now
from riskset.terminal import Format, FormatOption, command_group, note, print_json, print_table

app = command_group("centre", "Found a coordinating centre, and let hospitals join it.")

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The centre's settings.", envvar="RISKSET_CONFIG")
]
SETTINGS = Path(CONFIG)


class NotConfirmedError(FederationError):
    """Nobody compared the words."""

    code = "not-confirmed"
    exit = Exit.NOT_APPROVED
    fix = "give the words that the hospital read out to you with --words"


@contextmanager
def opened(config_path: Path) -> Iterator[tuple[CoordinatorConfig, Store]]:
    """Open the journal of a centre's settings."""
    config = read_config(config_path)
    with Store(config.store) as store:
        yield config, store


@app.command()
def init(  # noqa: PLR0917 - typer names them all on the command line
    folder: Annotated[Path, typer.Argument(help="The centre's folder, new or empty.")],
    name: Annotated[str, typer.Option(help="The federation's name.")],
    host: Annotated[list[str], typer.Option(help="A name under which hospitals dial; repeatable.")],
    authority: Annotated[
        Path, typer.Option(help="The folder for the authorities' keys, to be kept elsewhere.")
    ],
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8443,
    authorities: Annotated[int, typer.Option(help="Roster authority keys to make.", min=1)] = 1,
    threshold: Annotated[int, typer.Option(help="Signatures that a roster needs.", min=1)] = 1,
    store: Annotated[
        str, typer.Option(help="The journal's database: SQLite, or a PostgreSQL URL.")
    ] = "sqlite:///journal.db",
    output: FormatOption = Format.TEXT,
) -> None:
    """Found a coordinating centre: its keys, its federation's file, its TLS, its settings."""
    listen = f"0.0.0.0:{port}"
    wanted = Wanted(name, host, listen, authorities, threshold, store)
    made = found(folder, authority, wanted, utc_now())
    if output is Format.JSON:
        told: dict[str, Json] = {
            "schema": "riskset:init/1",
            "config": str(made.config),
            "authority": str(made.authority_folder),
            "federation": name,
            "words": made.federation.words,
        }
        print_json(told)
        return
    note("ok", f"{made.config} is written", error=False)
    note(
        "warn",
        f"{authority} holds the keys that say who takes part",
        "take it off this machine once the server's certificate is made; roster sign needs it",
        error=False,
    )
    note("ok", f"the federation's words: {made.federation.words}", error=False)


@app.command()
def renew(
    host: Annotated[list[str], typer.Option(help="A name under which hospitals dial; repeatable.")],
    authority: Annotated[Path, typer.Option(help="The folder that holds ca.key and ca.pem.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Renew the server's certificate; restart the daemon then."""
    certify(config.absolute().parent, authority, host, utc_now())
    _done(output, {"schema": "riskset:renew/1", "hosts": list(host)}, "the certificate is new")


@app.command()
def rotate(
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Let open runs end: the key is lost or stolen.")
    ] = False,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Replace the coordinator's key: drafts for the roster authority, and then the key itself."""
    with opened(config) as (settings, store):
        folder = config.absolute().parent
        stands = change_key(folder, settings, store, now=utc_now(), abandon=abandon)
    if output is Format.JSON:
        waits: list[Json] = [str(file) for file in stands.waits]
        print_json({"schema": "riskset:rotate/1", "words": stands.words, "waits": waits})
        return
    for file in stands.waits:
        note("ok", f"{file}: waits for signatures", error=False)
    if stands.waits:
        said = f"the new key, {stands.words}, waits until these are signed; the old one serves"
        note("warn", said, "riskset roster sign STUDY, then riskset rotate again", error=False)
    else:
        note("ok", f"the coordinator's key is new: {stands.words}; serve again", error=False)


@app.command()
def invite(
    name: Annotated[str, typer.Argument(help="A label for the invitation, such as lyon.")],
    hours: Annotated[int, typer.Option(help="How long it serves.", min=1, max=24 * 30)] = 72,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make an invitation for one hospital, to be used once."""
    code = _invitation(name)
    now = utc_now()
    expires = now + timedelta(hours=hours)
    with opened(config) as (settings, store):
        keep_invitation(store, parse_invitation(code), now, expires)
        words, port = read_federation(settings).words, settings.listen.rpartition(":")[2]
    told: dict[str, Json] = {"code": code, "expires": expires.isoformat(), "words": words}
    text = (
        f"{code}\n  serves once, until {expires:%Y-%m-%d %H:%M} UTC\n"
        f"  riskset-site join https://NAME:{port} --invite {code}\n"
        f"  read these words to the hospital when it rings: {words}"
    )
    if output is Format.JSON:
        print_json({"schema": "riskset:invite/1", **told})
    else:
        typer.echo(text)


def _invitation(name: str) -> str:
    try:
        return new_invitation(name, os.urandom(SECRET_SIZE))
    except ValueError as error:
        raise DraftError(str(error), "give a label such as lyon") from None


@app.command()
def joins(config: ConfigOption = SETTINGS, output: FormatOption = Format.TEXT) -> None:
    """List the hospitals that asked to join, with the words of their keys."""
    with opened(config) as (_, store):
        kept = kept_joins(store)
    if output is Format.JSON:
        listed: list[Json] = [
            {
                "number": j.number,
                "site": j.site,
                "name": j.name,
                "words": j.words,
                "time": j.time.isoformat(),
                "state": str(j.state),
            }
            for j in kept
        ]
        print_json({"schema": "riskset:joins/1", "joins": listed})
        return
    rows = [(str(j.number), j.site, j.name, j.words, str(j.state)) for j in kept]
    print_table(("Number", "hospital", "name", "words", "state"), rows)


@app.command()
def accept(
    site: Annotated[str, typer.Argument(help="The hospital's id.")],
    words: Annotated[
        str | None, typer.Option(help="The six words that it read out to you; else asked.")
    ] = None,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Accept a hospital that asked to join, once its words were compared by telephone."""
    with opened(config) as (_, store):
        join = waiting(store, SiteId(site))
        accept_join(store, join, words or _heard(join.site, join.name))
    told: dict[str, Json] = {"schema": "riskset:accept/1", "site": site, "words": join.words}
    _done(output, told, f"{site} is accepted; riskset roster add STUDY {site}")


def _heard(site: str, name: str) -> str:
    """Ask for the words, and do not show them: whoever types them has to have heard them."""
    note("warn", f"ring {name} ({site}), with a number that you know from elsewhere")
    try:
        heard: str = typer.prompt("The six words that they read out", err=True)
    except typer.Abort:
        raise NotConfirmedError(f"{site}: nobody gave its words") from None
    return heard


@app.command()
def decline(
    number: Annotated[int, typer.Argument(help="The request's number, as `joins` lists it.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Decline a request to join."""
    with opened(config) as (_, store):
        decide_join(store, number, JoinState.DECLINED)
    _done(output, {"schema": "riskset:decline/1", "number": number}, f"{number} is declined")


@app.command()
def serve(
    config: ConfigOption = SETTINGS,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show alarms only.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Let hospitals dial in, and conduct runs, until SIGTERM or Ctrl-C."""
    del output  # it tells lines while it serves
    settings, stopped = read_config(config), Event()

    def tell(line: str) -> None:
        if not quiet or line.startswith("ALARM"):
            typer.echo(f"{utc_now():%H:%M:%S} {line}", err=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    serve_centre(
        settings, stopped, tell=tell, listening=lambda port: tell(f"listening on port {port}")
    )
    tell("ended; open runs go on when it serves again")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file for the copy.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Copy the journal while the daemon works."""
    with opened(config) as (_, store):
        copy_journal(store, file)
    _done(output, {"schema": "riskset:backup/1", "file": str(file)}, f"{file} is written")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `backup` made.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put a copy of the journal back where none is; then start the daemon."""
    url = read_config(config).store
    journal = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///"):
        raise DraftError("a PostgreSQL server keeps this journal", "use pg_restore")
    put_back(file, journal)
    _done(output, {"schema": "riskset:restore/1", "journal": str(journal)}, f"{journal} is back")


def _done(output: Format, told: dict[str, Json], text: str) -> None:
    if output is Format.JSON:
        print_json(told)
    else:
        note("ok", text, error=False)
