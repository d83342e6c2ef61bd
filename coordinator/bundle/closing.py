"""How a run ended, as members of its bundle: hospitals' last words, and why outcomes were unlocked.

At its end each hospital signs the chain of all results, which it added up again itself, and the
ids of all runs of the plan that it ever opened (SPEC 6.6): a run that was asked and not shown is
seen. Nobody signs the reason for unlocking but the coordinator, who seals the bundle.
"""

from collections.abc import Iterable, Iterator

from coordinator.bundle import names
from coordinator.bundle.plain import BundleError, read, written
from protocol.ids import SiteId
from protocol.requests import Done
from protocol.run import Unlocked
from protocol.secagg.messages import Run

FOLDER = "closings/"
LONGEST_REASON = 500
SHORT = 8
"""Characters of a run's id that name it to people."""


def member(site: SiteId) -> str:
    """Name a hospital's last word in a bundle."""
    return f"{FOLDER}{site}.json"


def closing_files(done: Iterable[Done], unlocked: Unlocked | None) -> Iterator[tuple[str, bytes]]:
    """Write how a run ended as members of a bundle."""
    for said in done:
        yield member(said.site), written(said)
    if unlocked is not None:
        yield names.UNLOCKED, written(unlocked)


def check_closing(raw: bytes, name: str, run: Run, chain: bytes) -> Done:
    """Read a hospital's last word and see that it signed it, about this run and its results.

    Raises
    ------
    BundleError
        If it is none, or about something else.
    SignatureError, RosterError, RunError
        If the signature, the hospital or its list of runs is wrong.
    """
    said = read_closing(raw, name)
    if member(said.site) != name:
        raise BundleError(f"{name}: is the word of {said.site}")
    said.verify(run.roster.identity_of(said.site))
    said.require_run(run.run_id)
    if (said.ctx, said.state) != (run.ctx, "finished"):
        raise BundleError(f"{name}: is about another run, or one that was not finished")
    if said.chain != chain:
        raise BundleError(f"{name}: the run ended there with other results than these")
    return said


def check_unlocked(raw: bytes, trips: Iterable[int]) -> Unlocked:
    """Read why outcomes were unlocked; `trips` are those that ask for it.

    Raises
    ------
    BundleError
        If it is no reason, or belongs to another trip.
    """
    name = names.UNLOCKED
    said = read(Unlocked, raw, name)
    if not 1 <= len(said.reason) <= LONGEST_REASON:
        raise BundleError(f"{name}: holds no reason")
    if [said.trip] != list(trips):
        raise BundleError(f"{name}: belongs to no trip that unlocks outcomes")
    return said


def read_closing(raw: bytes, name: str) -> Done:
    """Read a hospital's last word, and believe nothing of it.

    Raises
    ------
    BundleError
        If it is none.
    """
    return read(Done, raw, name)


def runs_of(done: Iterable[Done]) -> tuple[bytes, ...]:
    """List the ids of all runs of the plan that hospitals opened, each once."""
    return tuple(dict.fromkeys(run for said in done for run in said.runs))


def runs_in_words(done: Iterable[Done], run_id: bytes) -> str:
    """Say how many runs of the plan hospitals opened, and which beside this one."""
    others = [run for run in runs_of(done) if run != run_id]
    if not others:
        return "this is the plan's only run"
    told = ", ".join(run.hex()[:SHORT] for run in others)
    return f"they opened {len(others) + 1} runs of this plan, beside this one {told}"
