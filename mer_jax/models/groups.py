"""Groups of parameters that a model's optimiser treats in a way of their own."""

from typing import Any, NamedTuple


class ParameterGroup(NamedTuple):
    """Parameters of a fusion, in its GROUPS, and how their training differs from the others'."""

    label: str
    pattern: str  # a regular expression found in their paths alone: fusion/audio_factor
    # By name of the optimiser's setting: a number, or the name of the fusion's own traced Setting.
    settings: dict[str, float | str]
    when: tuple[str, Any] | None = None  # a static setting and its value: no such group otherwise
