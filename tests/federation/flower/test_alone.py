"""No packet of either end goes anywhere but to the SuperLink."""

from pathlib import Path

from tests.federation.listening import told_alone


def test_no_packet_goes_anywhere_but_to_the_superlink(tmp_path: Path) -> None:
    # As an unwary environment would have it; it is overruled.
    unwary = {"FLWR_TELEMETRY_ENABLED": "1", "FLWR_DISABLE_UPDATE_CHECK": "0"}
    told, to = told_alone("tests.federation.flower.alone", tmp_path, **unwary)
    assert told["answered"] == 1
    assert to == {("127.0.0.1", told["port"])}
