"""Honest and hostile moves in any order: coordinator, its hospitals, an operator, a restart.

The machine plays one coordinator against one node that it watches, and holds it to what a node
promises whatever happens: one answer a trip, nothing new after an end or a withdrawal, and every
refusal signed and by a code that is foreseen.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from protocol.governance.approval import Decision
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from protocol.requests import (
    LOCAL_POLICY,
    Abort,
    Advance,
    ClosedTrip,
    Decided,
    Done,
    Finish,
    Propose,
    Refusal,
    Said,
)
from protocol.secagg.messages import KeyShare, Reply
from protocol.wire import codec
from site_node.deciding import decision_item
from site_node.inbox import Item, ItemKind, leave
from tests.protocol.governance.parties import seed
from tests.site_node.office import abort, drive, resigned
from tests.site_node.town import House, decision, proposal, town

S0, S1 = SiteId("s0"), SiteId("s1")
PAUSED = "unavailable"
STATES = {"approve": "approved", "withdraw": "withdrawn"}

ELSEWHERE: list[dict[str, Any]] = [
    {"trip": 1},
    {"trip": 4},
    {"chain": bytes(32)},
    {"steps": ((1, "lock/1"),)},
    {"steps": ((4, "residuals/1"),)},
    {"transcript": bytes(32)},
    {"ctx": bytes(32)},
]
"""Another place in the run, another question, another run."""


class HostileCoordinator(RuleBasedStateMachine):
    """One run of one plan, which an operator of the hospital may pause and withdraw meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.town = town(Path(self.folder.name))
        self.run = drive(self.town)
        self.sent = dict[bytes, bytes]()  # and the honest answer to each
        self.proposal = proposal(self.town.plan, self.town.roster)
        self.heads = list[LedgerHead]()
        self.trips = dict[tuple[bytes, int], bytes]()
        self.frozen: int | None = None  # releases at the time when there should be no more
        self.paused = self.withdrawn = self.aborted = False

    @initialize(rounds=st.integers(0, 6))
    def start(self, rounds: int) -> None:
        assert self.say(codec.encode_request(Propose(self.proposal))).state == "approved"
        self.go_on(rounds)

    @property
    def house(self) -> House:
        return self.town.houses[S0]

    @property
    def over(self) -> bool:
        return self.withdrawn or self.aborted or self.run.finished

    @property
    def asked(self) -> Advance | None:
        now = self.run.request
        return now if isinstance(now, Advance) else None

    @property
    def closed(self) -> ClosedTrip | None:
        since = self.asked.since if self.asked else None
        return since if isinstance(since, ClosedTrip) else None

    def say(self, raw: bytes) -> Any:
        """Hand the node a request, and see that its answer is signed by it."""
        said: Said = codec.decode_reply(self.house.handle(raw))
        identity = identity_public(seed(S0))
        if isinstance(said, Refusal | Done | Decided):
            said.verify(identity)
        return said

    def refused(self, asked: Any, *codes: str) -> None:
        """See a request refused, by one of these codes or for what the operator did."""
        said = self.say(asked if isinstance(asked, bytes) else codec.encode_request(asked))
        assert isinstance(said, Refusal), said
        foreseen = {*codes, *([PAUSED] if self.paused else [])}
        if self.withdrawn:
            foreseen.add(LOCAL_POLICY)
        if self.over:
            foreseen |= {"run-over"}
        assert said.code in foreseen, said.code

    @rule()
    def ask_the_next_question(self) -> None:
        self.go_on(1)

    def go_on(self, rounds: int) -> None:
        for _ in range(rounds):
            if self.run.finished:
                return
            raw = self.run.raw
            if self.paused or self.over:
                self.stands_still(raw)
            else:
                self.run.go(1)
                (self.sent[raw],) = self.run.said[S0, raw]

    def stands_still(self, raw: bytes) -> None:
        """See that a run which is paused or over gives what it gave, if anything."""
        said = self.say(raw)
        assert not isinstance(said, Reply | KeyShare)
        assert isinstance(said, Done) or said.code in {PAUSED, LOCAL_POLICY, "run-over"}

    @rule()
    def restart(self) -> None:
        self.house.stop()

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 9))
    def replay(self, which: int) -> None:
        raw = list(self.sent)[which % len(self.sent)]
        answer = self.house.handle(raw)
        if answer != self.sent[raw]:
            assert self.paused or self.withdrawn
            self.refused(raw)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 9))
    def send_its_answer_back(self, which: int) -> None:
        """What a hospital says is no request, whatever it is."""
        raw = list(self.sent.values())[which % len(self.sent)]
        self.refused(raw, "message")

    @rule(changed=st.sampled_from(ELSEWHERE))
    def ask_for_something_else(self, changed: dict[str, Any]) -> None:
        asked = self.asked
        if asked and any(getattr(asked.trip, name) != value for name, value in changed.items()):
            bent = Advance(asked.since, resigned(self.run, asked.trip, **changed))
            self.refused(bent, "trip-order", "run", "equivocation")

    @rule()
    def publish_a_false_sum(self) -> None:
        if self.closed and self.asked:
            result = self.closed.result
            false = replace(result.steps[0], total_digest=bytes(32))
            bent = resigned(self.run, result, steps=(false, *result.steps[1:]))
            lie = ClosedTrip(bent, self.closed.uploads)
            self.refused(Advance(lie, self.asked.trip), "sum-refused", "equivocation")
            if not self.over:  # whose last word is said again to whoever asks
                self.refused(Finish(lie), "sum-refused", "equivocation")

    @rule()
    def finish_early(self) -> None:
        if self.closed:
            said = self.say(codec.encode_request(Finish(self.closed)))
            # Over is over: the last word is the same to whoever asks for it.
            assert (
                self.over
                if isinstance(said, Done)
                else said.code
                in {
                    "trip-order",
                    "run-over",
                    PAUSED,
                    LOCAL_POLICY,
                }
            )

    @precondition(lambda self: self.sent)
    @rule(epoch=st.integers(1, 3))
    def open_again_differently(self, epoch: int) -> None:
        bent = replace(self.run.opening, epoch=epoch).sign(seed("office"))
        self.refused(bent, "equivocation")

    @precondition(lambda self: self.sent)
    @rule(by=st.sampled_from(["s1", "authority-0", "signer"]))
    def abort_as_a_stranger(self, by: str) -> None:
        self.refused(Abort(self.run.ctx).sign(seed(by)), "signature")
        self.refused(Abort(bytes(32)).sign(seed("office")), "run")

    @precondition(lambda self: self.sent)
    @rule()
    def abort(self) -> None:
        said = self.say(codec.encode_request(abort(self.run)))
        assert isinstance(said, Done)
        assert said.runs == (self.run.opening.run_id,)
        self.aborted = self.aborted or not (self.withdrawn or self.run.finished)
        self.freeze()

    @rule()
    def propose(self) -> None:
        """Also a paused hospital tells how the plan stands, in its operators' own words."""
        said = self.say(codec.encode_request(Propose(self.proposal)))
        assert isinstance(said, Decided)
        words = [Decision.from_bytes(word) for word in said.decisions]
        for word in words:
            word.verify()
        assert said.state == ("withdrawn" if self.withdrawn else "approved")
        assert STATES[words[-1].verdict] == said.state

    @rule(kind=st.sampled_from(["signer", "plan", "roster", "nobody"]))
    def propose_falsely(self, kind: str) -> None:
        made = self.proposal
        stranger = proposal(self.town.plan, self.town.roster, signer="office")
        lies = {
            "signer": (stranger, "signature"),
            "plan": (replace(made, plan=made.plan.replace(b"exact", b"weird")), "signature"),
            "roster": (replace(made, rosters=()), "roster"),
            "nobody": (replace(made, signature=b""), "signature"),
        }
        lie, code = lies[kind]
        said = self.say(codec.encode_request(Propose(lie)))
        assert isinstance(said, Refusal)
        assert said.code in {code, "message"}

    @rule(pause=st.booleans())
    def an_operator_pauses_or_resumes(self, pause: bool) -> None:
        leave(self.house.folder, Item(ItemKind.PAUSE if pause else ItemKind.RESUME, "Dr Martin"))
        self.paused = pause

    @precondition(lambda self: self.sent)
    @rule()
    def an_operator_withdraws(self) -> None:
        self.town.clock.advance(seconds=1)
        word = decision(self.house, self.town.plan, self.town.roster, "withdraw")
        leave(self.house.folder, decision_item(word))
        self.withdrawn = True
        self.freeze()

    @rule()
    def log_in(self) -> None:
        """Show the node all of its heads that there ever were; none of them stops it."""
        own = [head for head in self.house.node.greet(self.heads) if head.site == S0]
        assert own
        self.heads += own

    @rule(line=st.integers(1, 40), fork=st.booleans())
    def show_forged_heads(self, line: int, fork: bool) -> None:
        """The coordinator owns another hospital's key, and not this one's."""
        forged = replace(LedgerHead(S0, line, seed("x")).sign(seed("s1")), site=S0)
        other = LedgerHead(S1, line, seed("x" if fork else "y")).sign(seed("s1"))
        assert self.house.node.greet([forged, other])

    def freeze(self) -> None:
        self.frozen = len(self.releases()) if self.frozen is None else self.frozen

    def releases(self) -> list[Any]:
        return self.house.query("SELECT ctx, trip, body FROM entries WHERE kind = 'release'")

    @invariant()
    def one_answer_a_trip(self) -> None:
        if self.house.folder.ledger.exists():
            found = self.releases()
            for ctx, trip, body in found:
                assert self.trips.setdefault((ctx, trip), body) == body
            assert self.frozen in (None, len(found))
            proposed = self.house.query("SELECT count(*) FROM entries WHERE kind = 'proposed'")
            assert proposed <= [(1,)]

    def teardown(self) -> None:
        """Whatever came, an end leaves no keys."""
        if self.over and self.sent:
            self.say(codec.encode_request(Propose(self.proposal)))
            assert list(self.house.folder.runs.glob("*.keys")) == []
        self.town.close()
        self.folder.cleanup()


def test_whatever_is_sent_a_node_answers_a_trip_once() -> None:
    run_state_machine_as_test(
        HostileCoordinator,
        settings=settings(max_examples=12, stateful_step_count=20, deadline=None, database=None),
    )
