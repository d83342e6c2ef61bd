"""The plan's name: one digest of everything it says, whatever its file looks like."""

from protocol import PROGRAM_VERSION
from protocol.canonical import canonical_json, digest
from protocol.plan.model import Plan


def canonical(plan: Plan) -> bytes:
    """Write a plan as the bytes that are hashed, signed and sent.

    Defaults are written out, so that a key left out and the same key at its default are one plan.
    The program's version is inside: another program would ask the hospitals other questions.
    """
    return canonical_json({"program": PROGRAM_VERSION, "plan": plan.model_dump(mode="json")})


def plan_digest(plan: Plan) -> bytes:
    """Name a plan by 32 bytes. Comments, layout and order of keys in its file do not count."""
    return digest("plan", canonical(plan))
