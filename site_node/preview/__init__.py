"""Shows a hospital what would leave it, on its own rows. For its own screen: nothing is sent."""
