"""The software's name: one digest of the files that a hospital runs (SPEC 4.8).

It tells an operator what was approved, and a changed file from the one that was looked at. It
proves nothing to others: whoever changes the program can change what it says of itself.
"""

from collections.abc import Mapping
from hashlib import sha256

from protocol.canonical import digest


def software_digest(files: Mapping[str, bytes]) -> bytes:
    """Name files by their paths (with "/") and bytes: H("software", path, SHA256(bytes), ...).

    32 bytes, in the order of the paths' bytes.
    """
    names = sorted(files, key=str.encode)
    return digest("software", *(part for n in names for part in (n, sha256(files[n]).digest())))
