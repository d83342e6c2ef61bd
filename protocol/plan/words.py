"""A plan's digest as every screen shows it: three words to say, eight digits to look at."""

from protocol.words import words


def handle(digest: bytes) -> str:
    """Name a digest as every screen shows it: "maple-otter-quartz 9f3a21c7"."""
    return f"{words(digest)} {digest[:4].hex()}"
