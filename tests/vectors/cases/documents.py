"""The cases: what is given, by document. What to expect is worked out and written by `__main__`.

Secrets are hashes of words (SPEC 14.1), so that a case can be made again anywhere.
"""

from collections.abc import Mapping, Sequence

from tests.vectors.build import Case
from tests.vectors.cases import (
    approvals,
    encodings,
    envelopes,
    joining,
    masks,
    primitives,
    requests,
    rosters,
    sealed,
    sums,
    trust,
)

DOCUMENTS: Mapping[str, tuple[str, Sequence[Case]]] = {
    "known.json": (
        "Published answers of the primitives, at the sizes used here.",
        primitives.known(),
    ),
    "masks.json": ("Set-up, step digests and masks on bare words.", masks.low_level()),
    "encoding.json": ("Numbers to words, and totals back to numbers.", encodings.encodings()),
    "rosters.json": ("Rosters as signed bytes.", rosters.rosters()),
    "keys.json": (
        "Fresh keys, signatures, and whole sets of them.",
        [*primitives.keys_and_signatures(), *primitives.agreements()],
    ),
    "sums.json": ("Uploads that open, and uploads that must not.", sums.sums()),
    "rounds.json": ("Whole runs, every value that leaves a party.", sums.rounds()),
    "federations.json": ("What a hospital trusts, as bytes.", trust.federations()),
    "chains.json": ("Signed rosters, version by version.", trust.chains()),
    "joining.json": ("Invitation codes, and what is shown under them.", joining.joining()),
    "approvals.json": ("Proposals, decisions, and what they come to.", approvals.approvals()),
    "logins.json": ("Logins, recorded and changed ones included.", joining.logins()),
    "atoms.json": ("Rule L, with and without consents.", trust.atoms()),
    "requests.json": ("What opens and ends a run, signed.", requests.requests()),
    "envelopes.json": ("Answers that the coordinator alone opens.", envelopes.envelopes()),
    "sealed.json": ("Sealed sessions, and records that others carry.", sealed.sealed()),
}
