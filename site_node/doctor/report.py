"""Writes what was found: for the terminal, for scripts, and as a letter to the IT department."""

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

from protocol.errors import Exit
from site_node.doctor.check import Check, Status

WIDTH = 80
_LABEL, _INDENT = 6, 25

_WORST = (Exit.TAMPERING, Exit.NOT_APPROVED, Exit.UNREACHABLE, Exit.USAGE, Exit.CHECK_FAILED)
"""What a command's exit status tells first, where several checks failed."""


@dataclass(frozen=True)
class Report:
    """All checks: of this computer and its files, and of the way to the coordinator.

    `title` names the hospital; `coordinator` (or the SuperLink in its place) and `proxy` are
    addresses as people write them, empty where there are none. `http_2` if the way needs that.
    """

    title: str
    local: tuple[Check, ...]
    network: tuple[Check, ...]
    coordinator: str = ""
    proxy: str = ""
    http_2: bool = True

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks, in the order in which they are shown."""
        return self.local + self.network

    @property
    def exit(self) -> Exit:
        """The command's exit status: 0 without a failed check, else the gravest one's."""
        failed = {check.exit for check in self.checks if check.status is Status.FAIL}
        return next((status for status in _WORST if status in failed), Exit.OK)

    def as_text(self) -> str:
        """Write one line a check, and below it why and how to mend it; at most 80 wide."""
        lines = [*_wrapped("", self.title), ""]
        for check in self.checks:
            lines += _lines(check)
        return "\n".join([*lines, "", self._summary()])

    def as_json(self) -> dict[str, Any]:
        """Make the report for scripts."""
        count = Counter(check.status for check in self.checks)
        return {
            "subject": self.title,
            "coordinator": self.coordinator,
            "checks": [_json(check) for check in self.checks],
            "failed": count[Status.FAIL],
            "warned": count[Status.WARN],
            "exit": int(self.exit),
        }

    def for_it(self) -> str:
        """Write what the IT department has to know, to be sent by e-mail.

        It says nothing of this hospital's data, files, keys or people.
        """
        lines = _needs(self.coordinator, self.proxy, http_2=self.http_2)
        if self.network:
            lines += ["", "Found from this computer:", ""]
        for check in self.network:
            lines += _lines(check)
        return "\n".join(lines) + "\n"

    def _summary(self) -> str:
        count = Counter(check.status for check in self.checks)
        failed, warned = count[Status.FAIL], count[Status.WARN]
        if not failed and not warned:
            return "All is well."
        return f"{_number(failed, 'problem')}, {_number(warned, 'warning')}."


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}" if count == 1 else f"{count or 'no'} {noun}s"


def _json(check: Check) -> dict[str, str]:
    return {
        "name": check.name,
        "status": check.status.value,
        "told": check.told,
        "why": check.why,
        "fix": check.fix,
        "code": check.code,
    }


def _lines(check: Check) -> list[str]:
    mark = "-" if check.status is Status.NOT_TRIED else check.status.value
    told = f"{check.told}  [{check.code}]" if check.code else check.told
    lines = _wrapped(f"{mark:<{_LABEL}}{check.name:<{_INDENT - _LABEL}}", told)
    if check.why:
        lines += _wrapped(f"{'':<{_LABEL}}{'why':<{_LABEL}}", check.why)
    if check.fix:
        lines += _wrapped(f"{'':<{_LABEL}}{'fix':<{_LABEL}}", check.fix)
    return lines


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _needs(coordinator: str, proxy: str, *, http_2: bool) -> list[str]:
    if not coordinator:
        return ["The settings of riskset-site cannot be read, so no address is known yet."]
    through = f" through the proxy {proxy}" if proxy else ""
    inside = "HTTP/2 inside of it (gRPC)" if http_2 else "HTTP/1.1 inside of it"
    return [
        "riskset-site takes part in a study of several hospitals. It sends masked sums,",
        "never a patient's row. It needs:",
        "",
        f"- outbound TCP to {coordinator}{through}",
        "- nothing inbound, and no other address",
        "- TLS that nobody opens on the way: please exempt this address from inspection",
        f"- {inside}, on connections that stay open for hours",
        "- a clock that is right to 30 seconds",
    ]
