"""Cases of the primitives that others have published, and of signatures."""

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.governance import identity
from protocol.secagg import keys, masks
from tests.vectors.first.given import Given, raw


def case_ctr(given: Given) -> Any:
    return masks.mask_words(raw(given["key"]), given["count"]).tobytes().hex()


def case_long(given: Given) -> Any:
    words = masks.mask_words(raw(given["key"]), given["first"] + given["count"])
    return words[given["first"] :].tobytes().hex()


def case_hkdf(given: Given) -> Any:
    salt, info = raw(given["salt"]), raw(given["info"])
    return HKDF(hashes.SHA256(), keys.KEY_SIZE, salt, info).derive(raw(given["ikm"])).hex()


def case_x25519(given: Given) -> Any:
    return keys.shared_secret(raw(given["scalar"]), raw(given["u"])).hex()


def case_sign(given: Given) -> Any:
    # The RFC's messages carry no tag, as all of ours do: the library is asked itself.
    secret = Ed25519PrivateKey.from_private_bytes(raw(given["seed"]))
    public = identity.identity_public(raw(given["seed"]))
    return {"public": public.hex(), "signature": secret.sign(raw(given["message"])).hex()}


def case_signature(given: Given) -> Any:
    parts = tuple(raw(part) for part in given["parts"])
    identity.require_signed("a site", raw(given["public"]), raw(given["signature"]), *parts)
    return True
