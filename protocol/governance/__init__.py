"""Who takes part: identities and rosters."""
