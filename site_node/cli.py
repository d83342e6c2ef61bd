"""The command `riskset-site`: the only place where errors become text and exit statuses."""

import os
import sys

from site_node.house import STOPPED, refuse_foreign_packages


def main() -> None:
    """Run the command; RISKSET_DEBUG=1 asks for the traceback of an unexpected error."""
    refuse_foreign_packages()
    try:
        _run()
    except KeyboardInterrupt:  # while modules load; later the command itself answers it
        raise SystemExit(STOPPED) from None


def _run() -> None:
    # Only now: these import `protocol`, which might have been a foreign package.
    import site_node.approval_cli  # noqa: PLC0415 - adds its commands
    import site_node.audit_cli  # noqa: PLC0415 - adds its commands
    import site_node.node_cli  # noqa: PLC0415 - adds its commands
    import site_node.preview_cli  # noqa: F401, PLC0415 - adds its command
    from protocol.errors import FederationError  # noqa: PLC0415
    from site_node.commands import app  # noqa: PLC0415
    from site_node.options import Asked, Format  # noqa: PLC0415
    from site_node.terminal import error_json, error_text, explained  # noqa: PLC0415

    asked = Asked()
    try:
        app(prog_name="riskset-site", obj=asked)
    except Exception as error:
        said = error if isinstance(error, FederationError) else explained(error)
        if said is not error and os.environ.get("RISKSET_DEBUG") == "1":
            raise
        write = error_json if asked.format is Format.JSON else error_text
        sys.stderr.write(write(said) + "\n")
        raise SystemExit(said.exit) from None
