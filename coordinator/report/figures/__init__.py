"""The figures of the report, drawn as SVG from results."""
