"""The courses of a hospital's open runs: read from the ledger, kept while they last, and ended.

What is held here is what the ledger says, so that it can be dropped at any time. Which moves a run
makes is `site_node.runs`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from protocol.ids import SiteId
from protocol.play import Finished
from protocol.requests import Done, State
from protocol.secagg.site import Keyed
from site_node.course import Course, Opening, closed_entry, read_course
from site_node.folder import StateFolder, delete
from site_node.keys import read_keys, write_keys
from site_node.ledger import Kind, Ledger
from site_node.logs import Event, Log
from site_node.past import openings, runs_of_plan
from site_node.points import Point


@dataclass
class Courses:
    """The open runs of one hospital, whose identity has this seed. Calls come one at a time.

    `held` are courses by ctx, as far as they were read from the ledger; `read` says whether all
    of them were.
    """

    site: SiteId
    seed: bytes = field(repr=False)
    folder: StateFolder
    ledger: Ledger
    now: Callable[[], datetime]
    at: Callable[[Point], None]
    log: Log
    held: dict[bytes, Course] = field(default_factory=dict)
    read: bool = False

    def drop(self) -> None:
        """Hold nothing that is not read from the ledger again."""
        self.held.clear()
        self.read = False

    def sweep(self) -> None:
        """Delete keys under which nothing was sent, or whose run is over.

        Raises
        ------
        UnavailableError
            If the disk refuses.
        """
        needed = {self.folder.keys(ctx).name for ctx in self._open()}
        for path in self.folder.runs.glob("*.keys*"):
            if path.name not in needed:
                delete(path)

    def all(self) -> list[Course]:
        """Give all open runs.

        Raises
        ------
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        if not self.read:
            for ctx in self._open():
                self.find(ctx)
            self.read = True
        return list(self.held.values())

    def find(self, ctx: bytes) -> Course | None:
        """Find a run, open or over; None if none of that name was opened here.

        Raises
        ------
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        return self.held.get(ctx) or self._read(ctx)

    def opening(self, run_id: bytes) -> Opening | None:
        """Find how the run of an id began, open or over."""
        for course in self.held.values():
            if course.opening.asked.run_id == run_id:
                return course.opening
        every = openings(self.ledger)
        return next((opening for opening in every if opening.asked.run_id == run_id), None)

    def keep(self, course: Course) -> Course:
        """Hold a course to be true whose lines are in the ledger."""
        kept = replace(course, latest=max(course.latest, self.now()))
        self.held[course.ctx] = kept
        return kept

    def close(self, course: Course, state: State, reason: str) -> Done:
        """Delete the keys, then say so: the other way round a crash would make it a lie.

        Raises
        ------
        UnavailableError, LedgerError
            If disk or ledger refuse; the run is open then.
        """
        self.at(Point.CLOSING)
        delete(self.folder.keys(course.ctx))
        self.at(Point.KEYS_DELETED)
        chain = course.state.chain if isinstance(course.state, Keyed) else b""
        runs = runs_of_plan(self.ledger, course.opening.run.plan_digest)
        done = Done(self.site, course.ctx, state, chain, runs).sign(self.seed)
        self.ledger.append(closed_entry(done, reason))
        self.held.pop(course.ctx, None)
        self.log.say(Event.CLOSED, run=course.opening.name, code=state, reason=reason)
        return done

    def _read(self, ctx: bytes) -> Course | None:
        """Rebuild a run from the ledger; an open one is kept, and mended where the node died."""
        lines = list(self.ledger.lines(ctx))
        if not any(line.kind is Kind.OPENED for line in lines):
            return None
        path = self.folder.keys(ctx)
        keys = read_keys(path)
        course, wanted = read_course(lines, self.seed, keys)
        if course.done is not None:
            return course
        if wanted is None:
            finished = course.known is not None and isinstance(course.known.next, Finished)
            self.close(course, "finished" if finished else "aborted", "its keys are gone")
            return self._read(ctx)
        if wanted != keys:
            write_keys(path, wanted)
        self.held[ctx] = course
        return course

    def _open(self) -> list[bytes]:
        closed = {ctx for ctx, _ in self.ledger.places(Kind.CLOSED)}
        return [ctx for ctx, _ in self.ledger.places(Kind.OPENED) if ctx not in closed]
