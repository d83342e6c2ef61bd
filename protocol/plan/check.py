"""What the keys of a plan demand of each other. One key's own limits are in `model`."""

from protocol.errors import Problem
from protocol.plan.model import Plan


def check(plan: Plan) -> list[Problem]:
    """List everything that makes a plan of the right shape unfit to run."""
    del plan
    return []
