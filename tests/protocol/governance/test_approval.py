"""What operators decide about a plan, and what decisions of several come to (SPEC 4.8)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.governance.approval import (
    Conditions,
    Decision,
    DecisionError,
    NotApprovedError,
    Standing,
    State,
    Subject,
    Verdict,
    standing,
)
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.software import software_digest
from protocol.ids import SiteId
from tests.protocol.governance.parties import FEDERATION, seed

PLAN = Subject(FEDERATION.digest, seed("plan"), seed("roster"), seed("software"))
PEOPLE = {identity_public(seed(name)): name for name in ("Dr Martin", "Dr Weiss")}
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


def word(
    who: str = "Dr Martin", verdict: str = "approve", about: Subject = PLAN, **terms: Any
) -> Decision:
    unsigned = Decision(
        verdict=Verdict(verdict),
        site=SiteId("a"),
        subject=about,
        conditions=Conditions(**terms),
        comment="looked at",
        operator=who,
        key=b"",
        time="2030-05-01T12:00:00Z",
    )
    return unsigned.sign(seed(who))


def stands(*said: Decision, needed: int = 1) -> Standing:
    return standing(said, PLAN, PEOPLE, needed)


def refused(found: Standing, why: str) -> None:
    with pytest.raises(NotApprovedError, match=why):
        found.require()


def test_nothing_is_approved_before_somebody_says_so() -> None:
    refused(stands(), "none that this hospital approved")
    assert stands(word()).require() == Conditions()


def test_a_strangers_word_counts_nothing() -> None:
    refused(stands(word("somebody")), "none that this hospital approved")
    assert stands(word(), word("somebody", "withdraw")).state is State.APPROVED


def test_two_persons_are_two() -> None:
    refused(stands(word(), needed=2), "approved by 1 of 2 operators")
    refused(stands(word(), word(runs=3), needed=2), "approved by 1 of 2 operators")
    assert stands(word(), word("Dr Weiss"), needed=2).state is State.APPROVED


@pytest.mark.parametrize(
    ("verdict", "state"), [("refuse", "refused"), ("return", "returned"), ("withdraw", "withdrawn")]
)
def test_whatever_is_no_approval_ends_all_before_it(verdict: str, state: str) -> None:
    ended = stands(word(), word("Dr Weiss", verdict))
    assert ended.state == state
    refused(ended, f"the plan is {state}")
    again = [word(), word("Dr Weiss"), word("Dr Weiss", verdict), word()]
    refused(stands(*again, needed=2), "approved by 1 of 2")
    assert stands(*again).state is State.APPROVED


@pytest.mark.parametrize("part", ["federation", "plan", "roster"])
def test_an_approval_is_of_one_plan_roster_and_federation(part: str) -> None:
    other = replace(PLAN, **{part: seed("other")})
    refused(stands(word(about=other)), "none that this hospital approved")
    assert stands(word(), word(verdict="withdraw", about=other)).state is State.APPROVED


def test_other_software_needs_a_new_approval_and_no_new_refusal() -> None:
    other = replace(PLAN, software=seed("other"))
    refused(stands(word(about=other)), "another version of the software")
    assert stands(word(about=other), word()).state is State.APPROVED
    refused(stands(word(), word(verdict="refuse", about=other)), "the plan is refused")


def test_the_strictest_of_all_conditions_binds() -> None:
    one = word(expires="2030-12-31", runs=5, site_patients=20, dropped=("b/1",))
    two = word("Dr Weiss", expires="2030-06-30T12:00:00Z", min_sites=4, dropped=("a/1",))
    whole = stands(one, two, needed=2).require()
    assert whole == Conditions("2030-06-30T12:00:00Z", 5, 4, 20, ("a/1", "b/1"))


@pytest.mark.parametrize(
    ("terms", "met", "why"),
    [
        ({"expires": "2030-06-01T12:00:00Z"}, {}, "expired on 2030-06-01T12:00:00Z"),
        ({"runs": 1}, {"runs": 1}, "is for 1 run, and they are used"),
        ({"min_sites": 4}, {}, "asks for 4 hospitals"),
        ({"site_patients": 41}, {}, "asks for 41 patients"),
    ],
)
def test_each_condition_is_held(terms: Any, met: Any, why: str) -> None:
    given = {"now": NOON, "runs": 0, "sites": 3, "patients": 40}
    with pytest.raises(NotApprovedError, match=why):
        Conditions(**terms).require(**given | met)
    looser: dict[str, Any] = {
        "expires": "2030-06-01T12:00:01Z",
        "runs": 2,
        "min_sites": 3,
        "site_patients": 40,
    }
    Conditions(**{name: looser[name] for name in terms}).require(**given | met)


def test_a_dropped_step_is_named() -> None:
    terms = Conditions(dropped=("quantiles/1",))
    terms.require_wanted(["lock/1", "flow/1"])
    with pytest.raises(NotApprovedError, match="leaves out the step quantiles/1"):
        terms.require_wanted(["lock/1", "quantiles/1"])


CONDITIONS = st.builds(
    Conditions,
    expires=st.sampled_from(["", "2030-06-01", "2030-06-01T12:00:00Z", "2031-01-01"]),
    runs=st.integers(0, 3),
    min_sites=st.integers(0, 5),
    site_patients=st.integers(0, 50),
    dropped=st.lists(st.sampled_from(["a/1", "b/1"])).map(tuple),
)


@settings(max_examples=60)
@given(CONDITIONS, CONDITIONS, st.integers(0, 3), st.integers(3, 6), st.integers(10, 60))
def test_two_approvals_allow_no_more_than_each(
    one: Conditions, other: Conditions, runs: int, sites: int, patients: int
) -> None:
    def allows(terms: Conditions) -> bool:
        try:
            terms.require(now=NOON, runs=runs, sites=sites, patients=patients)
            terms.require_wanted(["a/1"])
        except NotApprovedError:
            return False
        return True

    assert allows(one.and_also(other)) == (allows(one) and allows(other))
    assert one.and_also(other) == other.and_also(one)


def test_a_decision_is_the_operators_word_for_word() -> None:
    said = word(runs=3)
    said.verify()
    assert Decision.from_bytes(said.to_bytes()) == said
    for changed in (
        replace(said, comment="welcome"),
        replace(said, verdict=Verdict.REFUSE),
        replace(said, conditions=Conditions(runs=30)),
        replace(said, key=identity_public(seed("Dr Weiss"))),
    ):
        with pytest.raises(SignatureError):
            changed.verify()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"approve"', '"maybe"'),
        ('"runs":0', '"runs":true'),
        ('"runs":0', '"runs":-1'),
        ('"operator":"Dr Martin"', '"operator":""'),
        ('"comment":"looked at"', '"comment":[]'),
        ('"time":"2030-05-01T12:00:00Z"', '"time":"yesterday"'),
        ('"verdict"', '"more":1,"verdict"'),
        ('"verdict":', '"verdict": '),
    ],
)
def test_what_is_no_decision_is_refused(before: str, after: str) -> None:
    text = word().to_bytes().decode()
    assert before in text
    with pytest.raises(DecisionError):
        Decision.from_bytes(text.replace(before, after).encode())


def test_software_is_named_by_its_files() -> None:
    files = {"b/x.py": b"1", "a.py": b"2"}
    assert software_digest(files) == software_digest(dict(reversed(files.items())))
    others = ({"b/x.py": b"1"}, {**files, "a.py": b"3"}, {"b/y.py": b"1", "a.py": b"2"})
    assert len({software_digest(one) for one in (files, *others)}) == 4
