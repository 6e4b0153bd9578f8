"""CH-SIMS."""
