"""The command `riskset plan propose`: freeze a plan, sign it, and hand it to the hospitals."""

from pathlib import Path
from typing import Annotated

import typer

from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.governance.roster import Roster
from protocol.ids import SiteId
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.read import MAX_BYTES, plan_text, read_plan
from protocol.plan.words import handle
from protocol.requests import Decided
from riskset.run_view import UNTOLD
from riskset.terminal import Format, FormatOption, note, print_json, print_table


class ProposeError(FederationError):
    """A plan cannot be proposed as asked."""

    code = "propose"
    exit = Exit.USAGE
    fix = "make and sign the study's roster first: riskset roster"


def propose_plan(
    path: Annotated[Path, typer.Argument(help="The plan's file, TOML or JSON.", metavar="PLAN")],
    out: Annotated[
        Path | None, typer.Option(help="The new file; default: the plan's name.proposal.json.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The plan signer's key.")] = None,
    config: Annotated[
        Path, typer.Option("--config", help="The centre's settings.", envvar="RISKSET_CONFIG")
    ] = Path("coordinator.toml"),
    output: FormatOption = Format.TEXT,
) -> None:
    """Freeze and sign a plan, for hospitals to decide on. An edit needs a new proposal."""
    from coordinator.config import read_config  # noqa: PLC0415
    from coordinator.members import kept_rosters  # noqa: PLC0415
    from coordinator.proposals import keep_proposal  # noqa: PLC0415
    from coordinator.store import Store  # noqa: PLC0415
    from protocol.governance.chain import verify_chain  # noqa: PLC0415
    from protocol.governance.proposal import propose  # noqa: PLC0415
    from riskset.centre import PLAN_SIGNER, read_authority_seed  # noqa: PLC0415
    from riskset.serving import read_federation, utc_now  # noqa: PLC0415

    with path.open("rb") as file:
        plan = read_plan(plan_text(file.read(MAX_BYTES + 1), str(path)), str(path))
    place = out or path.with_suffix(".proposal.json")
    if place.exists():
        fix = "name another file with --out, or move it away"
        raise ProposeError(f"{place}: is there already", fix)
    settings = read_config(config)
    federation = read_federation(settings)
    with Store(settings.store) as store:
        rosters = kept_rosters(store, plan.study.id)
    if not rosters:
        raise ProposeError(f"{plan.study.id}: there is no roster of this study")
    verify_chain(rosters, federation, now=utc_now())
    seed = read_authority_seed(key or config.absolute().with_name(PLAN_SIGNER))
    made = propose(canonical(plan), rosters, federation, seed)
    made.verify(federation)
    with place.open("xb") as new:
        new.write(made.to_bytes())
    with Store(settings.store) as store:
        keep_proposal(store, made, plan.study.id, utc_now())
    name = handle(plan_digest(plan))
    if output is Format.JSON:
        digest = plan_digest(plan).hex()
        told = {"plan": name, "digest": digest, "file": str(place)}
        print_json({"schema": "riskset:plan-propose/1", **told})
        return
    note("ok", f"{place}: plan {name} is signed", error=False)
    note("ok", "connected hospitals are asked by the daemon; others take the file in", error=False)


def decisions_on(
    path: Annotated[Path, typer.Argument(help="The plan's file, TOML or JSON.", metavar="PLAN")],
    config: Annotated[
        Path, typer.Option("--config", help="The centre's settings.", envvar="RISKSET_CONFIG")
    ] = Path("coordinator.toml"),
    output: FormatOption = Format.TEXT,
) -> None:
    """List what hospitals have decided about a plan, as they answered last."""
    from coordinator.config import read_config  # noqa: PLC0415
    from coordinator.proposals import (  # noqa: PLC0415
        in_force,
        kept_approvals,
        kept_proposals,
        roster_of,
    )
    from coordinator.store import Store  # noqa: PLC0415
    from riskset.serving import utc_now  # noqa: PLC0415

    with path.open("rb") as file:
        plan = read_plan(plan_text(file.read(MAX_BYTES + 1), str(path)), str(path))
    name = plan_digest(plan)
    listed: list[dict[str, Json]] = []
    with Store(read_config(config).store) as store:
        kept = kept_proposals(store)
        asked = in_force(kept, utc_now())
        for proposal in (one for one in kept if one.plan_digest == name):
            roster = roster_of(proposal)
            said = {one.site: one for one in kept_approvals(store, name, roster.digest)}
            told = (_told(roster, site, said.get(site)) for site in roster.sites)
            listed += [{**one, "in_force": proposal in asked} for one in told]
    if output is Format.TEXT:
        rows = [(_version(one), f"{one['site']}", f"{one['decision']}") for one in listed]
        print_table(("Roster", "hospital", "decision"), rows)
        return
    decisions: Json = [*listed]
    print_json({"schema": "riskset:plan-decisions/1", "plan": name.hex(), "decisions": decisions})


def _version(told: dict[str, Json]) -> str:
    return f"{told['version']}" if told["in_force"] else f"{told['version']}, no longer in force"


def _told(roster: Roster, site: SiteId, said: Decided | None) -> dict[str, Json]:
    """Say what a hospital answered last about the plan under a roster."""
    from coordinator.bundle.approvals import sentence  # noqa: PLC0415

    return {
        "version": roster.version,
        "roster": roster.digest.hex(),
        "site": site,
        "state": said.state if said else None,
        "decision": sentence(said) if said else UNTOLD,
        "signed": [one.decode() for one in said.decisions] if said else [],
    }
