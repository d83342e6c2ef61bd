"""The command `riskset-site`: the only place where errors become text and exit statuses."""

import sys

from site_node.house import refuse_foreign_packages


def main() -> None:
    """Run the command."""
    refuse_foreign_packages()
    # Only now: these import `protocol`, which might have been a foreign package.
    from protocol.errors import FederationError  # noqa: PLC0415
    from site_node.commands import app  # noqa: PLC0415
    from site_node.terminal import error_text  # noqa: PLC0415

    try:
        app(prog_name="riskset-site")
    except FederationError as error:
        sys.stderr.write(error_text(error) + "\n")
        raise SystemExit(error.exit) from None
