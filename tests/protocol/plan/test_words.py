"""A plan's handle is its words and the first digits of its digest."""

from protocol.plan.words import handle


def test_handle_adds_eight_digits() -> None:
    assert handle(bytes(32)) == "abandon-abandon-abandon 00000000"
