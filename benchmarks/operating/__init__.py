"""How the estimators do over many simulated studies of the seed study's size."""
