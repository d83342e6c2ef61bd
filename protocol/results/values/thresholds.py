"""The thresholds that bound a study, and who asked for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """One threshold in force: its row in the table of rules, what it says, its value.

    `by` is who bound: "plan", "profile", or "hospital" for a condition of an approval, where the
    profile's own is looser. Which hospital it was stands in its signed approval and not here.
    """

    rule: str
    what: str
    value: str
    by: str
