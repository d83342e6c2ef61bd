"""What both ends ask of Flower before they use it: one version of it, and its silence."""

from protocol.errors import Exit, FederationError

TESTED = "1.41"
"""Versions of Flower that begin so are what both ends were tested with."""

SILENCE = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
"""Settings of the environment that Flower reads as it is imported: it tells its maker nothing, asks
nobody for updates and installs nothing."""


class FlowerVersionError(FederationError):
    """Another version of Flower is installed than the one that both ends were tested with."""

    code = "flower-version"
    exit = Exit.USAGE
    fix = f'install flwr {TESTED}, or set carrier = "grpc"'


def require_tested(found: str) -> None:
    """Refuse another Flower than the one this was tested with; `found` is what is installed.

    Raises
    ------
    FlowerVersionError
        If it is another.
    """
    if not found.startswith(f"{TESTED}."):
        raise FlowerVersionError(f"flwr {found} is installed; this carrier knows flwr {TESTED}")
