"""What the ledger says of all runs together, for the gate and for people."""

from collections import Counter
from collections.abc import Iterator

from protocol.governance.chain import read_roster_file
from protocol.governance.proposal import Proposal
from protocol.governance.roster import Roster
from protocol.secagg.site import FIRST_TRIP
from site_node.course import Opening, parts_of, read_opening
from site_node.gate import Past
from site_node.ledger import Kind, Ledger


def openings(ledger: Ledger) -> Iterator[Opening]:
    """Read how every run began, in the order of the ledger."""
    return map(read_opening, ledger.lines(None, Kind.OPENED))


def runs_of_plan(ledger: Ledger, plan_digest: bytes) -> tuple[bytes, ...]:
    """List the ids of all runs of a plan that were opened here, in the order of the ledger."""
    same = (one for one in openings(ledger) if one.run.plan_digest == plan_digest)
    return tuple(one.asked.run_id for one in same)


def newest_rosters(ledger: Ledger) -> dict[tuple[str, str], Roster]:
    """Find the newest roster of each study that was verified here, by federation and study.

    A run brings rosters, and so do a proposal and a coordinator whose key was replaced (SPEC 2.8).
    """
    newest: dict[tuple[str, str], Roster] = {}
    opened = (opening.run.roster for opening in openings(ledger))
    for roster in (*opened, *_proposed(ledger), *_shown(ledger)):
        before = newest.setdefault((roster.federation, roster.study), roster)
        if roster.version > before.version:
            newest[roster.federation, roster.study] = roster
    return newest


def _proposed(ledger: Ledger) -> Iterator[Roster]:
    for line in ledger.lines(None, Kind.PROPOSED):
        if line.body is not None:  # forgotten with its study
            yield Roster.from_bytes(Proposal.from_bytes(line.body).rosters[-1].payload)


def _shown(ledger: Ledger) -> Iterator[Roster]:
    for line in ledger.lines(None, Kind.SUCCEEDED):
        *_, last = parts_of(line.body or b"")
        yield Roster.from_bytes(read_roster_file(last).payload)


def past_runs(ledger: Ledger) -> Past:
    """Gather rosters and runs of the past.

    Data may still leave in a run that is open, so its roster counts as released under.
    """
    closed = {ctx for ctx, _ in ledger.places(Kind.CLOSED)}
    # The first trip carries no patient data.
    answered = {ctx for ctx, trip in ledger.places(Kind.RELEASE) if trip > FIRST_TRIP}
    newest = newest_rosters(ledger)
    released: list[Roster] = []
    runs: Counter[bytes] = Counter()
    begun: Counter[tuple[bytes, bytes]] = Counter()
    for opening in openings(ledger):
        roster, ctx = opening.run.roster, opening.run.ctx
        if ctx in answered or ctx not in closed:
            released.append(roster)
        runs[opening.snapshot] += 1
        begun[opening.run.plan_digest, roster.digest] += 1
    return Past(newest, released, runs, begun)
