"""No packet of either end goes anywhere but to the SuperLink."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.federation.flower.alone import BAIT

ROOT = Path(__file__).parents[3]


def test_no_packet_goes_anywhere_but_to_the_superlink(tmp_path: Path) -> None:
    words = ["unshare", "-rn", sys.executable, "-m", "tests.federation.flower.alone", str(tmp_path)]
    # As an unwary environment would have it; it is overruled.
    environment = {**os.environ, "FLWR_TELEMETRY_ENABLED": "1", "FLWR_DISABLE_UPDATE_CHECK": "0"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["answered"] == 1
    to = {(address, port) for address, port in told["to"]}
    assert BAIT in to  # so that what is not seen was not sent
    assert to - {BAIT, ("192.0.2.99", 9)} == {("127.0.0.1", told["port"])}
