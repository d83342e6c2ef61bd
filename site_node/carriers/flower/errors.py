"""What keeps a hospital from its SuperLink, each as one sentence to its operator."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from site_node.carriers.errors import InterceptedError, LineError

LEASE_SECONDS = 20
"""A SuperLink holds a node that went without a word for there for so long, and lets no second one
in: twice the shortest interval of heartbeats that it allows."""

_FIX = "ask whoever runs the SuperLink; compare [flower] in site.toml with its settings"


class NotLetInError(LineError):
    """The SuperLink does not know this node's key, or holds an earlier process for alive."""


@contextmanager
def told(at: str) -> Iterator[None]:
    """Say in words what goes wrong with the SuperLink at an address while the block lasts.

    Raises
    ------
    LineError
        If it cannot be reached, does not let the node in, or answers what it should not.
    """
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _answered(at, error.response) from None
    except httpx.ConnectError as error:
        if "CERTIFICATE" in str(error).upper():
            raise InterceptedError(
                f"what answers at {at} shows no certificate of the authority that we trust",
                "compare [flower] ca in site.toml with the SuperLink's authority",
                "superlink-certificate",
            ) from None
        raise _unreachable(at, error) from None
    except httpx.HTTPError as error:
        raise _unreachable(at, error) from None
    except (LookupError, TypeError, ValueError):
        said = f"what answers at {at} sends what is no message within the limits"
        raise LineError(said, _FIX, "superlink-message") from None


def unregistered(at: str) -> NotLetInError:
    """Say that nobody has registered this node's key."""
    said = f"the SuperLink at {at} does not know this node's key"
    fix = "send state/flower.pub to whoever runs it, who registers it: `flwr supernode register`"
    return NotLetInError(said, fix, "superlink-unregistered")


def _unreachable(at: str, error: Exception) -> LineError:
    said = f"the SuperLink at {at} cannot be reached ({type(error).__name__})"
    return LineError(said, "look whether the network lets this computer there", "superlink")


def _answered(at: str, response: httpx.Response) -> LineError:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        said = f"the SuperLink at {at} does not take this node's signature"
        fix = "set this computer's clock; have state/flower.pub registered at the SuperLink"
        return NotLetInError(said, fix, "superlink-signature")
    refused = response.status_code == httpx.codes.PRECONDITION_FAILED
    if refused and response.url.path.endswith("/activate-node"):
        said = f"the SuperLink at {at} holds another process of this node for alive"
        fix = (
            f"wait {LEASE_SECONDS} s if it has just ended; else look where state/flower.key is used"
        )
        return NotLetInError(said, fix, "superlink-lease")
    said = f"the SuperLink at {at} answers with HTTP status {response.status_code}"
    return LineError(said, _FIX, "superlink-status")
