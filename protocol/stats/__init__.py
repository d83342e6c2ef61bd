"""Numbers from sums: arrays in, small frozen results out. Knows no file, plan or hospital."""
