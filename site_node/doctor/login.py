"""Logs in once with this hospital's own key, and leaves at once.

No session begins or ends by it, so a node that is running is not disturbed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from protocol.governance.chain import require_succession
from protocol.governance.federation import Federation
from protocol.governance.signed import SignedRoster
from site_node.carriers.grpc import visit
from site_node.carriers.session import Credentials
from site_node.config import SiteConfig
from site_node.doctor.handshake import Trust
from site_node.doctor.way import way_of
from site_node.folder import StateFolder


def log_in(config: SiteConfig, federation: Federation, trust: Trust, seconds: float) -> datetime:
    """Log in to the federation's coordinator within some seconds, and give its clock's time in UTC.

    Raises
    ------
    FederationError
        If the key is missing or open to others, or the login does not come to its end.
    """
    folder = StateFolder(config.state)
    seed = folder.seed(folder.identity)
    me = Credentials(config.site, seed, federation.coordinator, version("riskset"))

    def succeed(coordinator: bytes, rosters: Sequence[SignedRoster]) -> None:
        # The node holds it to what it has seen; here it only has to be the authority's word.
        now = datetime.now(UTC)
        require_succession(rosters, federation, coordinator, now=now, newest={})

    return visit(way_of(config), trust, me, seconds, succeed)
