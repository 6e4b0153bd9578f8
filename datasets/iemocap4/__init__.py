"""IEMOCAP with four classes."""
