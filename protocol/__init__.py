"""What all parties of a study agree on: plan, steps, statistics and masks.

Pure: no file, socket, clock, environment or randomness; these come in as arguments.
"""

PROGRAM_VERSION = "1"
"""The study program's version, named in every plan digest: another program is another study."""
