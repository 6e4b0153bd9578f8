"""Groups of parameters that a model's optimiser treats in a way of their own."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class ParameterGroup(NamedTuple):
    """Parameters of a fusion, in its GROUPS, and how their training differs from the others'."""

    label: str
    pattern: str  # a regular expression found in their paths alone: fusion/audio_factor
    # By name of the optimiser's setting: a number, or the name of the fusion's own traced Setting.
    settings: dict[str, float | str]
    when: tuple[str, Any] | None = None  # a static setting and its value: no such group otherwise
    modalities: int = 1  # with fewer there are no such parameters


def groups_of(
    fusion: Any, static: Mapping[str, Any], traced: Mapping[str, Any], modalities: int
) -> list[ParameterGroup]:
    """The groups that a fusion of so many modalities has, settings' names replaced by numbers."""
    return [
        group._replace(
            settings={
                name: traced[value] if isinstance(value, str) else value
                for name, value in group.settings.items()
            }
        )
        for group in getattr(fusion, "GROUPS", ())
        if (group.when is None or group.when in static.items()) and modalities >= group.modalities
    ]
