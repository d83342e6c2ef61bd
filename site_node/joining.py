"""A hospital joins a federation: dials out with an invitation, and keeps whom it is to trust."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from protocol.errors import Exit, FederationError
from protocol.governance.federation import Federation
from protocol.governance.invitation import parse_invitation
from site_node.carriers.joining import Newcomer, join
from site_node.config import read_config
from site_node.doctor.way import way_of
from site_node.folder import StateFolder, state_folder, write_private
from site_node.ledger import utc_now
from site_node.setup import Identity, SetupError, identity_of, set_address
from site_node.site_file import checked_address

Confirm = Callable[[Federation, Identity], bool]
"""Shows the operator both sides' words, and says whether the federation's were confirmed."""


class OtherFederationError(FederationError):
    """The node trusts a federation already."""

    code = "joined-already"
    exit = Exit.USAGE
    fix = "set up another node, in a folder of its own, for another federation"


@dataclass(frozen=True)
class Joined:
    """A federation, and this hospital's identity in it."""

    federation: Federation
    own: Identity


def join_federation(config_path: Path, address: str, code: str, confirm: Confirm) -> Joined:
    """Join by an invitation's code; settings and trust are written once the centre said yes.

    `address` is `name:port`, with or without `https://`. Doing it again changes nothing.

    Raises
    ------
    FederationError
        If the settings are none, the code is mistyped, there is no line, the invitation does not
        serve, somebody is in between, or the words were not confirmed. Nothing is kept then.
    """
    config = read_config(config_path)
    where = replace(config, address=_address(address))
    own, invitation = identity_of(config), parse_invitation(code)
    with state_folder(config.state) as folder:
        newcomer = Newcomer(config.site, config.name, folder.seed(folder.identity))
        federation = join(
            way_of(where), invitation, newcomer, lambda found: confirm(found, own), utc_now
        )
        _keep(folder, federation)
    set_address(config_path, where.address)
    return Joined(federation, own)


def _address(typed: str) -> str:
    # Before anything is dialled: without its port an address is one where nobody listens.
    try:
        return checked_address(typed.removeprefix("https://").rstrip("/"))
    except ValueError as error:
        fix = "type the address as it stands in the invitation"
        raise SetupError(f"the address {typed} {error}", fix) from None


def _keep(folder: StateFolder, federation: Federation) -> None:
    raw = federation.to_bytes()
    if folder.federation.exists() and folder.federation.read_bytes() != raw:
        raise OtherFederationError("this node has joined another federation before")
    write_private(folder.federation, raw)
