"""No packet of a hospital's node goes anywhere but to its coordinator, and none of the office."""

from pathlib import Path

from tests.federation.listening import told_alone


def test_no_packet_goes_anywhere_but_to_the_coordinator(tmp_path: Path) -> None:
    """Through a whole study, a death and a second login, and with proxies in the environment."""
    told, to = told_alone("tests.federation.wire.alone", tmp_path)
    assert told["killed"] == 1
    assert to == {("127.0.0.1", told["port"])}
