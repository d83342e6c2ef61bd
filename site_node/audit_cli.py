"""The commands by which a hospital proves what it did: walk the ledger, and write it out."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from site_node.commands import app
from site_node.options import CONFIG, ConfigOption, Format, FormatOption, say

if TYPE_CHECKING:
    from datetime import datetime

audit = typer.Typer(
    name="audit",
    help="Prove what left this hospital: walk the ledger, or write it out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(audit)


@audit.command()
def verify(config: ConfigOption = CONFIG, output: FormatOption = Format.TEXT) -> None:
    """Walk all lines of the ledger; names the first that is not as it was written."""
    from site_node.config import read_config  # noqa: PLC0415
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.ledger import Ledger  # noqa: PLC0415

    folder = StateFolder(read_config(config).state)
    # Opening walks the whole chain, and holds it against the head that was kept apart.
    with closing(Ledger.open(folder.ledger, folder.head)) as ledger:
        head = ledger.head
    text = f"all {head.seq:,} lines are as they were written; the last is {head.digest.hex()}"
    told = {"schema": "riskset-site:audit-verify/1", "lines": head.seq, "head": head.digest.hex()}
    say(output, text, told)


@audit.command()
def export(
    form: Annotated[str, typer.Option("--as", help="jsonl, csv or html.")] = "jsonl",
    since: Annotated[
        str | None, typer.Option("--from", help="Lines from this UTC time on, as 2030-01-31.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The new file; else the screen.")] = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write out every release, refusal and approval with its digests. No line holds a row."""
    from site_node.audit import AuditFormat, as_json, records, written  # noqa: PLC0415
    from site_node.config import read_config  # noqa: PLC0415
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.ledger import Ledger  # noqa: PLC0415

    settings, begin = read_config(config), _moment(since)
    try:
        wanted = AuditFormat(form)
    except ValueError:
        raise typer.BadParameter("is one of jsonl, csv and html") from None
    folder = StateFolder(settings.state)
    with closing(Ledger.open(folder.ledger, folder.head)) as ledger:
        found, head = tuple(records(ledger.lines(), begin)), ledger.head.digest.hex()
    text = written(found, wanted, settings.site, head)
    if out is not None:
        with out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        text = f"{out}: {len(found):,} lines"
    told = {"schema": "riskset-site:audit-export/1", "head": head, "lines": as_json(found)}
    say(output, text.rstrip("\n"), told)


def _moment(text: str | None) -> "datetime | None":
    from protocol.governance.roster import moment  # noqa: PLC0415

    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
