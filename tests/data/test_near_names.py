"""Names that look the same are shown with their difference."""

import unicodedata

import pytest

from mer_jax.data import near_names

NFC, NFD = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("lacking", "present", "said"),
    [
        (
            [NFC],
            [NFD],
            r"; '\xe9t\xe9' is there as 'e\u0301te\u0301', which differs in Unicode form",
        ),
        (
            [NFD],
            [NFC],
            r"; 'e\u0301te\u0301' is there as '\xe9t\xe9', which differs in Unicode form",
        ),
        (["x", "Clip_1"], ["clip_1"], "; 'Clip_1' is there as 'clip_1', which differs in case"),
        (["a.mp4"], ["a", "b"], "; 'a.mp4' is there as 'a', which differs in its suffix"),
        (["a"], ["a.WAV"], "; 'a' is there as 'a.WAV', which differs in its suffix"),
        (["a "], ["a"], "; 'a ' is there as 'a', which differs in spaces around it"),
        (["a.1"], ["a"], ""),
        (["a"], ["b"], ""),
        ([], ["b"], ""),
    ],
)
def test_the_difference_is_shown(lacking, present, said):
    assert near_names.hint(lacking, present) == said
