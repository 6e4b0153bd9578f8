"""CMU-MOSI."""
