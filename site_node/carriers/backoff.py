"""How long to wait before the next try: longer after each, and never all hospitals at once."""

from collections.abc import Callable

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0


class Backoff:
    """Exponential back-off with full jitter: uniform on (0, ceiling), which doubles up to a minute.

    `draw` gives numbers from [0, 1).

    References
    ----------
    Brooker (2015), Exponential Backoff And Jitter, AWS Architecture Blog.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._tries = 0

    def next_seconds(self) -> float:
        """Say how long to wait now, in seconds."""
        # Beyond 2^6 the ceiling is reached; a try a minute for years would overflow a float.
        ceiling: float = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(self._tries, 6))
        self._tries += 1
        return self._draw() * ceiling

    def reset(self) -> None:
        """Begin again: a connection has held."""
        self._tries = 0
