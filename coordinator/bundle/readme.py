"""The page that tells whoever opens a bundle what to do with it."""

from protocol.plan.digest import plan_digest
from protocol.plan.words import handle
from protocol.run import Played

_TEXT = """# {title}

This file is one run of a survival study over {hospitals}, with everything that proves it.{mark}

Plan {handle}, run {run}.

## What to do with it

1. `riskset verify bundle.zip` checks every signature, every digest, and that the opened sums are
   the sums of the hospitals' masked vectors. It needs no network and no hospital.
2. `riskset recompute bundle.zip` works out every number and every figure again from the opened
   sums alone, and compares. With `--out FOLDER` it writes results and report anew.
3. `riskset compare bundle.zip other.zip` puts the estimates of two runs side by side.

Compare the words above, and the federation's six words that `verify` shows, with what the
study's members tell you by another way: a bundle proves that it is whole, not who made it.

## What lies in it

| member | what it is |
|---|---|
| `plan.json` | the plan, as it was signed and hashed |
| `federation.json` | whose signatures count (not in simulations) |
| `rosters/` | who takes part, version by version, signed by the roster authority |
| `approvals/` | each hospital's signed answer about the plan, with what its operators decided |
| `run/` | how the run was opened, and every hospital's fresh public key |
| `trips/` | each question, and the coordinator's signed result of it |
| `vectors/` | each hospital's masked vector for each step, raw little-endian words |
| `totals/` | the sum of each step over all hospitals; `index.json` says how each is read |
| `results/` | numbers, tidy tables and report at full precision |
| `software.json` | versions, and digests of the sources |
| `manifest.json`, `seal.json` | all members by SHA-256, and the coordinator's signature on that |

A vector alone is noise: only the sum over all hospitals says anything. A word of a sum is read as
`index.json` says: first the lanes (1 for each hospital, a check of the question, patients, flags),
then the fields. Counts are 64-bit integers; in 128-bit steps reals are fixed-point numbers of
2^-64, low word first.

## Who may have it

This is the consortium's edition: pooled sums stand here uncut, small ones too. Give it to the
plan's signatories and their auditors, and publish `riskset report --edition publication` of it.
"""
_SIMULATED = "\nIt is SIMULATED: all rows were on one machine, and nobody signed its roster."


def readme(played: Played) -> bytes:
    """Write the README of a run's bundle."""
    count = len(played.sites)
    return _TEXT.format(
        title=played.plan.study.title,
        hospitals="1 hospital" if count == 1 else f"{count} hospitals",
        mark=_SIMULATED if played.simulated else "",
        handle=handle(plan_digest(played.plan)),
        run=played.run_id.hex(),
    ).encode()
