"""Parts of the study's program: plays of several steps that depend on each other."""
