"""The report of a study: tables, figures and text, all drawn from its results."""
