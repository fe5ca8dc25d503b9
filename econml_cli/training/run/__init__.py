"""What a fit writes into its run directory, and how it is restored from there."""
