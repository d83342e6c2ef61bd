"""A run as one file that proves itself: written, read back, verified, recomputed, compared."""
