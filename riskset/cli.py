"""The command `riskset`, for coordinating centres and auditors."""

from site_node.house import STOPPED, refuse_foreign_packages


def main() -> None:
    """Run the command."""
    refuse_foreign_packages()
    try:
        # Only now: these import `protocol`, which might have been a foreign package.
        from riskset.commands import app  # noqa: PLC0415

        app(prog_name="riskset")
    except KeyboardInterrupt:  # while modules load; later the commands themselves answer it
        raise SystemExit(STOPPED) from None
