"""The commands `riskset roster`: who takes part in a study, version by signed version."""

import json
from pathlib import Path
from typing import Annotated

import typer

from protocol.canonical import Json
from protocol.governance.chain import read_roster_file, roster_file, verify_chain
from protocol.governance.federation import Federation, party_words
from protocol.governance.roster import Roster
from protocol.ids import SiteId
from riskset.centre import read_authority_seed
from riskset.centre_cli import SETTINGS, ConfigOption, opened
from riskset.rosters import DraftError, Register, accepted, roster_json, with_signature
from riskset.rotation import register_of
from riskset.serving import utc_now
from riskset.terminal import Format, FormatOption, command_group, note, print_json, print_table
from site_node.folder import write_private

app = command_group("roster", "Say who takes part in a study.")

StudyArgument = Annotated[str, typer.Argument(help="The study's id, as its plan has it.")]
DaysOption = Annotated[int, typer.Option(help="For how many days it serves.", min=1, max=3650)]


@app.command()
def add(
    study: StudyArgument,
    sites: Annotated[list[str], typer.Argument(help="Hospitals that were accepted.")],
    days: DaysOption = 365,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put hospitals into the next version, or give them the key that they joined with last."""
    with opened(config) as (settings, store):
        register = register_of(config.absolute().parent, settings, store, study)
        members = accepted(store, [SiteId(site) for site in sites])
        roster = register.add(members, utc_now(), days)
    _draft(output, roster, register.draft_file)


@app.command()
def remove(
    study: StudyArgument,
    site: Annotated[str, typer.Argument(help="The hospital that leaves.")],
    days: DaysOption = 365,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take a hospital out of the next version."""
    with opened(config) as (settings, store):
        register = register_of(config.absolute().parent, settings, store, study)
        roster = register.remove(SiteId(site), utc_now(), days)
    _draft(output, roster, register.draft_file)


@app.command()
def sign(
    study: StudyArgument,
    key: Annotated[Path, typer.Option(help="A roster authority's key.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Sign the next version at the centre; with enough signatures it is in force."""
    seed = read_authority_seed(key)
    with opened(config) as (settings, store):
        register = register_of(config.absolute().parent, settings, store, study)
        roster, in_force = register.sign(seed, utc_now())
        further = _further(register, roster)
    _signed(output, roster, in_force=in_force, further=further)


@app.command(name="sign-file")
def sign_file(
    file: Annotated[Path, typer.Argument(help="The draft's file.")],
    key: Annotated[Path, typer.Option(help="A roster authority's key.")],
    federation: Annotated[Path, typer.Option(help="The federation's file.")],
    output: FormatOption = Format.TEXT,
) -> None:
    """Sign a draft's file where the authority's key is; needs no centre, and no network."""
    trusted = Federation.from_bytes(federation.read_bytes())
    draft, seed = read_roster_file(file.read_bytes()), read_authority_seed(key)
    signed = with_signature(draft, seed, trusted, utc_now())
    write_private(file, roster_file(signed))
    _signed(output, Roster.from_bytes(signed.payload), in_force=False)


@app.command()
def publish(
    study: StudyArgument,
    file: Annotated[Path, typer.Argument(help="The file with all signatures.")],
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take a version that was signed elsewhere."""
    signed = read_roster_file(file.read_bytes())
    with opened(config) as (settings, store):
        register = register_of(config.absolute().parent, settings, store, study)
        roster, in_force = register.take(signed, utc_now())
        further = _further(register, roster)
    _signed(output, roster, in_force=in_force, further=further)


@app.command()
def show(
    study: StudyArgument,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show the version in force, and the draft if there is one."""
    with opened(config) as (settings, store):
        register = register_of(config.absolute().parent, settings, store, study)
        newest, draft = register.newest(), register.draft()
        if newest is not None:
            verify_chain(register.chain, register.federation, now=utc_now())
    if newest is None and draft is None:
        raise DraftError(f"there is no roster of {study}", "riskset roster add STUDY SITE...")
    proposed = Roster.from_bytes(draft.payload) if draft else None
    signatures = len(draft.signatures) if draft else 0
    if output is Format.JSON:
        told: dict[str, Json] = {"schema": "riskset:roster/1"}
        told["in_force"] = roster_json(newest) if newest else None
        told["draft"] = roster_json(proposed, signatures=signatures) if proposed else None
        print_json(told)
        return
    if newest is not None:
        _table(newest, f"in force until {newest.expires}")
    if proposed is not None:
        _table(proposed, f"draft with {signatures} of {register.federation.threshold} signatures")


def _table(roster: Roster, state: str) -> None:
    note("ok", f"{roster.study}, version {roster.version}: {state}", error=False)
    rows = [(m.id, m.name, party_words(m.identity)) for m in roster.members]
    print_table(("Hospital", "name", "words"), rows)


def _draft(output: Format, roster: Roster, file: Path) -> None:
    if output is Format.JSON:
        print_json({"schema": "riskset:roster-draft/1", "file": str(file), **roster_json(roster)})
        return
    note("ok", f"{file}: version {roster.version} waits for signatures", error=False)
    if roster.version > 1:
        note(
            "warn",
            "hospitals that answered under an earlier version hold the new one to rule L",
            "one that leaves has to consent: riskset-site consent; so has one that is new alone",
            error=False,
        )


def _further(register: Register, roster: Roster) -> bool:
    """Tell whether a version that names the centre's new key has to be signed, too."""
    return register.newest() == roster and register.draft() is not None


def _signed(output: Format, roster: Roster, *, in_force: bool, further: bool = False) -> None:
    told: dict[str, Json] = {"schema": "riskset:roster-sign/1", "in_force": in_force}
    if further:
        told["further"] = True
    if output is Format.JSON:
        print_json({**told, **roster_json(roster)})
    elif in_force:
        note("ok", f"version {roster.version} of {roster.study} is in force", error=False)
        if further:
            said = "the first version names the key of the federation's file, which was replaced"
            note("warn", said, f"riskset roster sign {roster.study} signs the next", error=False)
    else:
        note("ok", f"version {roster.version} of {roster.study} is signed", error=False)


def read_consents(files: list[Path], study: str) -> list[dict[str, str]]:
    """Read the consents of hospitals that left, as `riskset-site consent` wrote them."""
    found: list[dict[str, str]] = []
    for file in files:
        try:
            value = json.loads(file.read_text(encoding="utf-8"))
            found.append({name: str(value[name]) for name in ("study", "site", "signature")})
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise DraftError(f"{file}: is no consent", "riskset-site consent writes it") from None
        if found[-1]["study"] != study:
            raise DraftError(f"{file}: is a consent in another study", "ask for one in this one")
    return found
