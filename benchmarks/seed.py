"""The seed study as files and cohorts, and a masked play of it that is shared by measurements."""

from functools import cache

from protocol.canonical import digest
from protocol.cohort import Cohort, enrol
from protocol.ids import site_id
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.run import Played, play
from riskset.plans import read_builtin
from riskset.synthetic import frozen
from site_node.data.check import read_extract

SEED = b"riskset benchmarks".ljust(32, b".")
"""Fixed and public: these patients do not exist."""


@cache
def seed_plan() -> Plan:
    """Read the seed study's plan."""
    return read_plan(read_builtin("crlm"), "crlm.toml")


def read_cohorts() -> tuple[Cohort, ...]:
    """Read the seven extracts, in the order of the hospitals' names."""
    plan, extracts = seed_plan(), sorted(frozen().items())
    return tuple(
        enrol(
            plan,
            site_id(path.stem),
            read_extract(path, plan).extract,
            digest("benchmarks", path.stem),
        )
        for _, path in extracts
    )


@cache
def seed_cohorts() -> tuple[Cohort, ...]:
    """Give the seven hospitals, read once."""
    return read_cohorts()


@cache
def seed_play() -> Played:
    """Play the study once, masks included."""
    return play(seed_plan(), seed_cohorts(), SEED)
