"""Names of the parties. An id is typed and checked once, so that nothing else has to ask."""

import re
from typing import NewType

SiteId = NewType("SiteId", str)

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def site_id(text: str) -> SiteId:
    """Accept a hospital's id: 1 to 64 ASCII letters, digits, dots, dashes or underscores.

    Ids are ordered by their bytes ("s10" before "s9"), which ASCII makes the order of the text.

    Raises
    ------
    ValueError
        If the text is no such id.
    """
    if not _SITE.fullmatch(text):
        raise ValueError(
            f"{text!r} is no hospital id: use 1 to 64 ASCII letters, digits, '.', '-' or '_', "
            "beginning with a letter or digit"
        )
    return SiteId(text)
