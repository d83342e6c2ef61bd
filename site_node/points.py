"""Named places at which a node may die: tests end the process at each, in turn."""

from enum import StrEnum


class Point(StrEnum):
    """Where a request has come to. What is on disk at each follows from the names."""

    OPEN_RECEIVED = "open-received"
    OPEN_WRITTEN = "open-written"
    KEYS_RECEIVED = "keys-received"
    KEYS_WRITTEN = "keys-written"
    """The ledger has all fresh keys; the file still holds this hospital's fresh secret."""
    KEYED = "keyed"
    """The file holds the keys of all pairs, and the fresh secret is gone."""
    RESULT_RECEIVED = "result-received"
    TRIP_RECEIVED = "trip-received"
    COMPUTED = "computed"
    BEFORE_LEDGER = "before-ledger"
    AFTER_LEDGER = "after-ledger"
    BEFORE_SEND = "before-send"
    """Told by the carrier, as is the next."""
    AFTER_SEND = "after-send"
    RESULT_WRITTEN = "result-written"
    """The last result of a run is in the ledger. Others are written with the next release."""
    CLOSING = "closing"
    KEYS_DELETED = "keys-deleted"
