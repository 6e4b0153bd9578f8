"""How long to look: a few seconds in the suite, always at the same inputs; minutes by itself."""

import hypothesis

_COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(hypothesis.HealthCheck),
}
# A failure of the suite is reported as it was found: making it smaller can take many minutes.
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
hypothesis.settings.register_profile(
    "suite", max_examples=40, derandomize=True, phases=_PHASES, **_COMMON
)
hypothesis.settings.register_profile("fuzz", max_examples=2_500, print_blob=True, **_COMMON)
hypothesis.settings.load_profile("suite")  # --hypothesis-profile=fuzz comes later and stands
