"""Turns a hospital's own file into the study's typed arrays, or says why it cannot.

`source` reads the file and knows only text, `mapping` holds what the hospital calls things,
`values` judges one spelling of one variable, `check` counts what breaks the plan's dictionary and
says what the plan does about it. Nothing here names a value of a record.
"""
