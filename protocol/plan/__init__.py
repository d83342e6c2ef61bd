"""The plan of a study: a TOML file that is data, never code.

`model` has its shape, whose parts are in `variables`, `patients`, `adjustment` and `endpoints`;
`check` has what keys demand of each other, `read` turns TOML into a plan, `digest` names a plan,
`columns` derives the columns of the propensity model from it, `explain` says it in plain sentences.
"""
