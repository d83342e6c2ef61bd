"""Whole runs with honest parties."""

from dataclasses import replace

import numpy as np
import pytest

from protocol.ids import SiteId
from protocol.layout import Layout, count
from protocol.secagg.messages import Contribution
from protocol.secagg.run import Question, ask, simulate
from tests.protocol.secagg.parties import LOCK, NOTHING, NUMBERS, SCORE, SITES, TABLE, table


def test_a_run_opens_the_sums_and_nothing_else() -> None:
    locked = ask(table(), [LOCK], NOTHING, {site: b"D of " + site.encode() for site in SITES})
    assert locked.totals[0].sums == {}
    assert (locked.totals[0].patients, locked.totals[0].sites) == (0, 3)
    assert [statement.site for statement in locked.result.statements] == list(SITES)
    events, scores = ask(locked.after, [TABLE, SCORE], NUMBERS).totals
    np.testing.assert_array_equal(events.sums["events"], np.arange(6).reshape(2, 3) * 27)
    assert (events.patients, events.flags) == (270, 1)
    units = sum(round(0.1 * k * 2**64) for k in (8, 9, 10))
    assert scores.sums["score"][0] == units / 2**64
    assert scores.sums["score"][1] == pytest.approx(-3e-9, rel=1e-9)
    assert scores.sums["dead"] == 27
    assert scores.sums["dead"].dtype == np.int64


def test_a_run_is_replayed_byte_for_byte() -> None:
    once, again = (ask(table(), [TABLE, SCORE], NUMBERS) for _ in range(2))
    assert once.result == again.result


def test_all_sites_and_the_coordinator_hold_one_chain() -> None:
    after = ask(ask(table(), [LOCK], NOTHING).after, [TABLE, SCORE], NUMBERS).after
    assert {state.chain for state in after.sites.values()} == {after.chain}
    assert {state.closed for state in after.sites.values()} == {2}
    assert (after.trips, after.steps) == (2, 3)


def test_uploads_of_one_question_have_one_size_whatever_the_data() -> None:
    """A hospital without a single event is not seen by the length of what it sends."""
    empty = {"events": np.zeros((2, 3), dtype=np.int64)}
    own = {**NUMBERS, SITES[0]: [Contribution(empty), NUMBERS[SITES[0]][1]]}
    after = ask(table(), [TABLE, SCORE], own).after
    for step in range(2):
        sizes = {len(s.record[0].reply.vectors[step].words) for s in after.sites.values()}
        assert len(sizes) == 1


@pytest.mark.parametrize("sites", [1, 2, 7])
def test_simulation_takes_any_number_of_sites(sites: int) -> None:
    ids = [SiteId(f"s{k}") for k in range(sites)]
    now = simulate("demo", ids, bytes(32), b"a seed")
    assert now.view.run.roster.simulated
    question = Question("k/1", Layout((count("c", (2,), "patients", 5),)))
    own = {site: [Contribution({"c": np.array([1, 2])}, 3)] for site in ids}
    (total,) = ask(now, [question], own).totals
    assert total.sums["c"].tolist() == [sites, 2 * sites]
    assert total.patients == 3 * sites


def test_secrets_do_not_show_in_a_states_text() -> None:
    state = table().sites[SITES[0]]
    secrets = [state.identity_seed, *state.pair_keys.values()]
    assert not any(repr(secret) in repr(state) for secret in secrets)
    assert repr(replace(state, identity_seed=b"other")) == repr(state)
