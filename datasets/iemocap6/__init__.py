"""IEMOCAP with six classes."""
