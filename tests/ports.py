"""Ports for servers that end and come back: whoever dials in between is to find nobody there."""

import atexit
import socket
from contextlib import closing
from functools import cache
from itertools import cycle

HOST = "127.0.0.1"
_FIRST, _END, _BLOCK = 20_000, 32_000, 200
"""Below what systems give to those who dial."""


def free_port() -> int:
    """Find a port that no other process of these tests is given as long as this one lives."""
    ports = _own()
    for _ in range(_BLOCK):
        number = next(ports)
        with closing(socket.socket()) as trial:
            if _bound(trial, number):
                return number
    raise AssertionError("every port of this process is taken")


@cache
def _own() -> "cycle[int]":
    """Take a block of ports: its first one is held, so that nobody else takes the block."""
    held = socket.socket()
    atexit.register(held.close)
    for first in range(_FIRST, _END, _BLOCK):
        if _bound(held, first):
            return cycle(range(first + 1, first + _BLOCK))
    raise AssertionError("every block of ports is taken")


def _bound(one: socket.socket, number: int) -> bool:
    try:
        one.bind((HOST, number))
    except OSError:
        return False
    return True
