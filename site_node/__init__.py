"""Runs in a hospital: reads its extract and decides what it answers."""
