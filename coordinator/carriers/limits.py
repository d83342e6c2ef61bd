"""How much of anything the coordinator's port takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that hold before memory is taken. `half_open` counts who has not logged in yet."""

    message_bytes: int = 64 << 20
    sessions: int = 2000
    half_open: int = 256
    half_open_per_address: int = 32
    joins: int = 16
    login_seconds: float = 10.0
    join_seconds: float = 900.0
    ping_seconds: float = 5.0
