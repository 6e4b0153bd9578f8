"""CMU-MOSEI."""
