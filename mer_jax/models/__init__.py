"""Encoders, fusions and heads as pure functions of their parameters."""
