"""The coordinator's way to hospitals over a Flower federation that is there already.

Before anything imports Flower it is kept silent, whatever the environment says, and one of another
version than was tested is refused: its names move from version to version.
"""

import os
from importlib.metadata import version

from protocol.wire.flower import SILENCE, require_tested

os.environ.update(SILENCE)
require_tested(version("flwr"))
