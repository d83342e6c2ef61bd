"""Sums that only open whole: encoding, keys, masks, and each party's moves (SPEC 3 to 6)."""
