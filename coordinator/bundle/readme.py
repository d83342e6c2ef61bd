"""The pages that tell whoever opens a bundle, of either form, what to do with it."""

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
| `run/` | how the run was opened, every hospital's fresh public key, why outcomes were unlocked |
| `closings/` | each hospital's signed last word: the chain of results, all its runs of this plan |
| `trips/` | each question, and the coordinator's signed result of it |
| `vectors/` | each hospital's masked vector for each step, raw little-endian words |
| `totals/` | the sum of each step over all hospitals; `index.json` says how each is read |
| `results/` | numbers, tidy tables and report at full precision |
| `software.json` | versions, and digests of the sources |{readers}
| `manifest.json`, `seal.json` | all members by SHA-256, and the coordinator's signature on that |

A vector alone is noise: only the sum over all hospitals says anything. A word of a sum is read as
`index.json` says: first the lanes (1 for each hospital, a check of the question, patients, flags),
then the fields. Counts are 64-bit integers; in 128-bit steps reals are fixed-point numbers of
2^-64, low word first.

## Who may have it

This is the consortium's edition: pooled sums stand here uncut, small ones too. Give it to the
plan's signatories and their auditors. {others}
"""
_READERS = """
| `reader.zip` | the form of this bundle for readers outside, sealed by the coordinator too |
| `reader-salts.json` | salts with which the readers' commitments are opened |"""
_WITH = (
    "Others get `riskset reader bundle.zip --out reader.zip`: what may be\npublished, and no sum."
)
_WITHOUT = "Publish `riskset report --edition publication` of it."

_FOR_READERS = """# {title}

This file is one run of a survival study over {hospitals}, in the form for readers outside the
consortium, such as reviewers of its paper.{mark}

Plan {handle}, run {run}.

## What to do with it

1. `riskset verify reader.zip` checks every signature and digest that is here: who took part, who
   approved the plan, what was asked in which order, that every hospital confirmed the same chain of
   results, and that the coordinator sealed these very pages. It needs no network and no hospital.
2. `riskset recompute reader.zip` lays out tables and report again from `publication.json`, and
   compares.

Compare the words above, and the federation's six words that `verify` shows, with what the
study's members tell you by another way: a bundle proves that it is whole, not who made it.

## What it cannot prove

No sum with patients in it is here, and no hospital's masked vector: whoever has those has every
small count. So nobody can add the sums up again from this file, nor work the numbers out of them.
In place of each sum stands a commitment to it (`sums.json`), under a salt that is withheld, so
that no count can be found by trying. An auditor with the consortium's bundle opens them all:
`riskset verify bundle.zip` says whether this file's commitments are to the sums there, and
`riskset recompute bundle.zip` whether its pages follow from them.

## What lies in it

| member | what it is |
|---|---|
| `plan.json` | the plan, as it was signed and hashed |
| `federation.json` | whose signatures count (not in simulations) |
| `rosters/` | who takes part, version by version, signed by the roster authority |
| `approvals/` | each hospital's signed answer about the plan, with what its operators decided |
| `run/` | how the run was opened, every hospital's fresh public key, why outcomes were unlocked |
| `trips/` | each question, signed by the coordinator |
| `closings/` | each hospital's signed last word: the chain of results, all its runs of this plan |
| `sums.json` | a commitment to each sum; salts of those without a patient's data, under `totals/` |
| `results/` | the edition for publication: report, tables, `publication.json` with its statement |
| `software.json` | versions, and digests of the sources |
| `manifest.json`, `seal.json` | all members by SHA-256, and the coordinator's signature on that |
"""
_SIMULATED = "\nIt is SIMULATED: all rows were on one machine, and nobody signed its roster."


def readme(played: Played, *, readers: bool) -> bytes:
    """Write the README of a run's bundle; `readers` says whether the readers' form is in it."""
    return _filled(
        _TEXT,
        played,
        readers=_READERS if readers else "",
        others=_WITH if readers else _WITHOUT,
    )


def readers_readme(played: Played) -> bytes:
    """Write the README of the readers' form."""
    return _filled(_FOR_READERS, played)


def _filled(text: str, played: Played, **more: str) -> bytes:
    count = len(played.sites)
    return text.format(
        title=played.plan.study.title,
        hospitals="1 hospital" if count == 1 else f"{count} hospitals",
        mark=_SIMULATED if played.simulated else "",
        handle=handle(plan_digest(played.plan)),
        run=played.run_id.hex(),
        **more,
    ).encode()
