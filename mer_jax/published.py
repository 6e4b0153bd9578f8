"""The paper's published figures; this file is a placeholder for the one of branch `tables`."""

from collections.abc import Mapping


def find(features: Mapping[str, str]) -> dict[str, dict[str, tuple[float, float]]] | None:
    """The published scores of feature sets by modality, or None where there are none."""
