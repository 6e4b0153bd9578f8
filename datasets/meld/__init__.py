"""MELD."""
