"""The command `riskset-site`: the only place where errors become text and exit statuses."""

import os
import sys
from typing import TYPE_CHECKING

from site_node.house import STOPPED, refuse_foreign_packages

if TYPE_CHECKING:
    from protocol.errors import FederationError


def main() -> None:
    """Run the command; RISKSET_DEBUG=1 asks for the traceback of an unexpected error."""
    refuse_foreign_packages()
    try:
        _run()
    except KeyboardInterrupt:  # while modules load; later the command itself answers it
        raise SystemExit(STOPPED) from None


def _run() -> None:
    # Only now: these import `protocol`, which might have been a foreign package.
    from protocol.errors import FederationError  # noqa: PLC0415
    from site_node.commands import app  # noqa: PLC0415
    from site_node.terminal import explained  # noqa: PLC0415

    try:
        app(prog_name="riskset-site")
    except FederationError as error:
        _fail(error)
    except Exception as error:
        if os.environ.get("RISKSET_DEBUG"):
            raise
        _fail(explained(error))


def _fail(error: "FederationError") -> None:
    from site_node.terminal import error_text  # noqa: PLC0415

    sys.stderr.write(error_text(error) + "\n")
    raise SystemExit(error.exit) from None
