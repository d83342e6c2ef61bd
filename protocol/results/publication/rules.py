"""The floors of publication by profile. Tightening one never shows more."""

from dataclasses import dataclass, replace

from protocol.errors import Exit, FederationError


class EditionError(FederationError):
    """An edition cannot be made as it was asked for."""

    code = "edition"
    exit = Exit.DISCLOSURE
    fix = "leave the option out to have the profile's own floor"


@dataclass(frozen=True)
class Floors:
    """What may be published.

    Attributes
    ----------
    count
        The smallest count of patients that is shown, 0 aside (P1); 1 shows all.
    at_risk
        Curves end where fewer are at risk in an arm (P2).
    rounded_to
        Counts are rounded to multiples of it; 1 leaves them.
    digits
        Significant digits of estimates (P3).
    """

    count: int
    at_risk: int
    rounded_to: int = 1
    digits: int = 3

    def tightened(self, count: int | None, at_risk: int | None) -> "Floors":
        """Raise floors; the strictest of profile and wish binds.

        Raises
        ------
        EditionError
            If a wish is below the profile's floor.
        """
        if (count or self.count) < self.count or (at_risk or self.at_risk) < self.at_risk:
            raise EditionError("the profile's floors can be raised, and not lowered")
        return replace(self, count=count or self.count, at_risk=at_risk or self.at_risk)


_BY_PROFILE = {
    "exact": Floors(count=5, at_risk=5),
    "standard": Floors(count=10, at_risk=10),
    "strict": Floors(count=10, at_risk=10, rounded_to=5),
    "open": Floors(count=1, at_risk=1),
}


def floors(profile: str) -> Floors:
    """Give a profile's floors.

    Raises
    ------
    EditionError
        If there is no such profile.
    """
    if profile not in _BY_PROFILE:
        raise EditionError(f"no profile is called {profile}", "use the riskset that wrote it")
    return _BY_PROFILE[profile]
