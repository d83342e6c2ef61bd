"""The sections of the report, each from results to blocks."""
