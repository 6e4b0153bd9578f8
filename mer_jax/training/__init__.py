"""Compiled training: many runs side by side, resumable, blind to test labels."""
