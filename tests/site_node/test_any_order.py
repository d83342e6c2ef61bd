"""Whatever order requests come in, however often, and whenever the node restarts."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.requests import Refusal
from protocol.wire import codec
from site_node.ledger import RolledBackError
from tests.site_node.office import abort, drive
from tests.site_node.town import House, town

S0 = SiteId("s0")


@dataclass(frozen=True)
class Tape:
    """All requests of an honest run to one hospital, in order, and what it said to each."""

    requests: tuple[bytes, ...]
    replies: tuple[bytes, ...]
    abort: bytes


@cache
def tape() -> Tape:
    with tempfile.TemporaryDirectory() as folder:
        made = town(Path(folder))
        run, requests, replies = drive(made), list[bytes](), list[bytes]()
        while not run.finished:
            requests.append(run.raw)
            run.take(run.collect())
            (reply,) = run.said[S0, requests[-1]]
            replies.append(reply)
        made.close()
        return Tape(tuple(requests), tuple(replies), codec.encode_request(abort(run)))


@dataclass
class Model:
    """What a hospital has to say: how far it is, and whether it has ended or stopped."""

    answered: int = 0
    over: bool = False
    stopped: bool = False

    def expects(self, number: int) -> bytes | str:
        """Give the bytes, or the code of a refusal, for a request of the tape."""
        if self.stopped:
            return RolledBackError.code
        if number < self.answered:
            return tape().replies[number]
        if number > self.answered:
            # It holds a signature of this hospital's that its ledger has not.
            self.stopped = True
            return RolledBackError.code
        if self.over:
            return "run-over"
        self.answered += 1
        self.over = self.answered == len(tape().requests)
        return tape().replies[number]


def said(house: House, raw: bytes) -> bytes | str:
    answer = house.handle(raw)
    reply = codec.decode_reply(answer)
    return reply.code if isinstance(reply, Refusal) else answer


moves = st.lists(
    st.one_of(
        st.sampled_from(["next", "next", "again", "restart", "abort"]),
        st.integers(0, 7),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None)
@given(moves)
def test_a_node_says_what_it_said_or_refuses_by_name(steps: list[str | int]) -> None:
    """The same keys are drawn as on the tape, so an honest answer is the tape's to the byte."""
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        made = town(Path(folder))
        house = made.houses[S0]
        for step in steps:
            if step == "restart":
                house.stop()
                if model.stopped:
                    break
            elif step == "abort":
                if not model.stopped and model.answered and not model.over:
                    assert isinstance(said(house, tape().abort), bytes)
                    model.over = True
            else:
                wanted = {"next": model.answered, "again": max(0, model.answered - 1)}
                number = step if isinstance(step, int) else wanted[step]
                number = min(number, len(tape().requests) - 1)
                assert said(house, tape().requests[number]) == model.expects(number)
        if house.folder.ledger.exists():
            kinds = [kind for (kind,) in house.query("SELECT kind FROM entries")]
            # The first request opens, the last finishes.
            trips = min(max(0, model.answered - 1), len(tape().requests) - 2)
            assert kinds.count("release") == trips
        made.close()
        if model.stopped:
            assert refuses_to_start(house)


def refuses_to_start(house: House) -> bool:
    try:
        house.start()
    except FederationError as error:
        return error.code == RolledBackError.code
    return False
