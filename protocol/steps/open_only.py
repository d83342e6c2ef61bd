"""What only a study without rules may ask: sums so fine that they show single patients."""

from protocol.disclosure import DisclosureError
from protocol.plan.model import Plan


def require_open(plan: Plan, what: str, instead: str) -> None:
    """Refuse, in the hospital, to answer under any profile with rules.

    Raises
    ------
    DisclosureError
        Saying what would show, and the nearest statistic that does not.
    """
    if plan.disclosure.profile != "open":
        raise DisclosureError(
            f"{what}, which profile `{plan.disclosure.profile}` does not allow",
            f"{instead}, or simulate the study under profile `open`",
        )
