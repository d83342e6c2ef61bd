"""From everybody's fresh keys to one view of the run (SPEC 4.3, 4.4)."""

from collections.abc import Mapping

from protocol.governance.roster import RosterError
from protocol.ids import SiteId
from protocol.secagg.keys import KeyExchangeError, check_ephemeral
from protocol.secagg.messages import KeyShare, Run, View
from protocol.secagg.transcript import transcript


def agree(run: Run, shares: Mapping[SiteId, KeyShare]) -> View:
    """Check all key shares of a run and name them by one digest. Run by everyone.

    Raises
    ------
    RosterError
        If the shares are not exactly the roster's: whoever drops or adds a name is choosing whom
        data are summed with.
    KeyExchangeError
        If a key is not canonical, has low order, or two sites sent the same.
    SignatureError
        If a share is not signed by the site that it names.
    """
    if shares.keys() != set(run.roster.sites):
        odd = ", ".join(sorted(shares.keys() ^ set(run.roster.sites)))
        raise RosterError(f"the fresh keys differ from the roster at {odd}")
    for site, share in shares.items():
        if share.site != site:
            raise RosterError(f"a fresh key was delivered as {site}'s and names {share.site}")
        check_ephemeral(site, share.ek)
        share.verify(run)
    if len({share.ek for share in shares.values()}) != len(shares):
        raise KeyExchangeError("two sites sent the same fresh key")
    return View(run, transcript(run.ctx, {site: share.ek for site, share in shares.items()}))
