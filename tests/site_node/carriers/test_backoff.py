"""Waits grow to a minute and are spread over all of it."""

from site_node.carriers.backoff import Backoff


def test_the_ceiling_doubles_up_to_a_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_the_whole_interval_is_used() -> None:
    shares = iter([0.0, 0.5, 0.25])
    backoff = Backoff(lambda: next(shares))
    assert [backoff.next_seconds() for _ in range(3)] == [0, 1, 1]


def test_years_of_tries_do_no_harm() -> None:
    backoff = Backoff(lambda: 1.0)
    assert max(backoff.next_seconds() for _ in range(5000)) == 60
