"""The coordinator's way to hospitals over a Flower federation that is there already.

Flower reads these settings as it is imported: it tells its maker nothing, asks nobody for updates
and installs nothing.
"""

import os

os.environ.update(
    FLWR_TELEMETRY_ENABLED="0",
    FLWR_DISABLE_UPDATE_CHECK="1",
    FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION="1",
)
