"""Looks at what a hospital trusts: its federation's file, and the other hospitals it knows."""

from collections.abc import Mapping
from pathlib import Path

from protocol.errors import FederationError
from protocol.governance.federation import Federation
from protocol.governance.tls import CertificateError
from protocol.ids import SiteId
from protocol.words import ENGLISH
from site_node.doctor.check import Check, Found, fail, not_tried, ok, refused
from site_node.doctor.handshake import Trust, certificates_pem
from site_node.folder import StateFolder

FEDERATION, KNOWN = "Federation", "Known hospitals"

_FURTHER = "name a file of certificates in PEM under 'ca' in the settings, or leave the key out"


def federation(state: Path) -> Found[Federation]:
    """Read what was trusted on joining."""
    path = StateFolder(state).federation
    try:
        trusted = Federation.from_bytes(path.read_bytes())
    except FileNotFoundError:
        return Found(_not_joined())
    except OSError:
        return Found(not_tried(FEDERATION, "the state folder may not be read"))
    except FederationError as error:
        why = "This file says whom the hospital believes; it was changed, or is another's."
        return Found(refused(FEDERATION, error, why))
    return Found(ok(FEDERATION, f"{trusted.name}: {trusted.words}"), trusted)


def authorities(trusted: Federation | None, further: Path | None) -> Trust | None:
    """Gather who may sign a server's certificate.

    It is the federation's authority, and more where the hospital's own proxy opens connections.

    Raises
    ------
    CertificateError
        If the file of further certificates holds none.
    """
    if trusted is None:
        return None
    if further is None:
        return Trust(trusted.ca_certificate)
    try:
        raw = further.read_bytes()
    except OSError:
        raise CertificateError(f"{further}: cannot be read", _FURTHER) from None
    try:
        return Trust(trusted.ca_certificate, certificates_pem(raw))
    except ValueError:
        raise CertificateError(f"{further}: holds no certificates in PEM", _FURTHER) from None


def known_sites(site: str, pinned: Mapping[SiteId, str], least: int) -> Check:
    """Count the other hospitals whose keys the operator has compared by telephone.

    `pinned` has six words by hospital. Whether they are right shows when a roster comes.
    """
    others = sorted(one for one in pinned if one != site)
    told = f"{len(others)} of at least {least} other hospitals are pinned"
    if misheard := [one for one in others if _unlisted(pinned[one])]:
        return fail(
            KNOWN,
            f"{told}; among the words of {misheard[0]}, {_unlisted(pinned[misheard[0]])!r} is none",
            "Words of keys come from a list of 2,048; this one was misheard or mistyped.",
            f"telephone {misheard[0]} again, and correct its words under [[known_sites]]",
            "known-words",
        )
    if len(others) >= least:
        return ok(KNOWN, f"{told}: {', '.join(others)}" if others else told)
    return fail(
        KNOWN,
        told,
        "Masks hide this hospital's numbers among those of others; were the others made up, they "
        "would hide nothing.",
        "telephone other hospitals of the study, compare the six words of their keys, and write "
        "them into the settings under [[known_sites]]",
        "known-sites",
    )


def _unlisted(words: str) -> str | None:
    """Find a word that no key has."""
    return next(
        (one for one in words.lower().replace("-", " ").split() if one not in ENGLISH), None
    )


def _not_joined() -> Check:
    return fail(
        FEDERATION,
        "this hospital has not joined one",
        "Without it nobody says which coordinator to believe.",
        "riskset-site join, with the invitation of the coordinating centre",
        "not-joined",
    )
