"""The parts of results as values: what `results.json` holds, and all that reports draw from.

Numbers are at full double precision; NaN (null in JSON) says that a number does not exist. Arms
come as `Pair`s of comparator and treated. Times are in the study's unit.
"""
