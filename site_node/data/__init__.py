"""Turns a hospital's own file into the study's typed arrays, or says why it cannot.

`encoding` and `source` read the file and know only text, `mapping` reads what the hospital calls
things and how it writes them, `header` finds the columns, `values` and `dates` judge one spelling
of one variable, `units` suspects wrong units, `tally` counts what breaks the plan's dictionary, and
`check` brings them together. `sniff`, `similar`, `propose` and `draft` make the draft of a mapping.
Nothing here names a value of a record but what a draft is asked to show.
"""
