"""The key by which a SuperLink knows a node: Flower's own, and nothing of the roster's."""

from base64 import b64encode

from flwr.supercore.primitives.asymmetric import (
    bytes_to_private_key,
    generate_key_pairs,
    private_key_to_bytes,
    public_key_to_bytes,
)

_KIND, _CURVE, _COORDINATE_BYTES = b"ecdsa-sha2-nistp384", b"nistp384", 48


def new_key() -> bytes:
    """Make a node's key (PEM, P-384)."""
    return private_key_to_bytes(generate_key_pairs()[0])


def public_of(key: bytes) -> bytes:
    """Give the public half of a node's key (PEM), as Flower's interfaces take it."""
    return public_key_to_bytes(bytes_to_private_key(key).public_key())


def ssh_of(key: bytes) -> bytes:
    """Write the public half of a node's key as one line, as `flwr supernode register` reads it.

    References
    ----------
    RFC 5656, section 3.1, and RFC 4253, section 6.6: OpenSSH's form of an elliptic curve's point.
    """
    point = bytes_to_private_key(key).public_key().public_numbers()
    both = (number.to_bytes(_COORDINATE_BYTES, "big") for number in (point.x, point.y))
    parts = (_KIND, _CURVE, b"\x04" + b"".join(both))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return _KIND + b" " + b64encode(blob) + b"\n"
