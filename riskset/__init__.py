"""The command `riskset`, simulations and the synthetic seven hospitals."""
