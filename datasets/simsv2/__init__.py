"""CH-SIMS v2."""
