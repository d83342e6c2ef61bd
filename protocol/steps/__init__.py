"""The questions of a study, one module each.

A step says on one page what leaves a hospital, how a hospital computes it, and what everybody
learns from the sum.
"""
