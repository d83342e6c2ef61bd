"""No test of a carrier leaves a thread behind."""

from tests.threads import no_thread_is_left

__all__ = ["no_thread_is_left"]
