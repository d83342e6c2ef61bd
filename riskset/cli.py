"""The command `riskset`, for coordinating centres and auditors."""

from site_node.house import refuse_foreign_packages


def main() -> None:
    """Run the command."""
    refuse_foreign_packages()
    # Only now: these import `protocol`, which might have been a foreign package.
    from riskset.commands import app  # noqa: PLC0415

    app(prog_name="riskset")
