"""Words that messages share."""

from mer_jax import errors


def test_one_thing_has_no_plural():
    assert errors.counted(1, "trial") == "1 trial"
    assert [errors.counted(n, "chunk") for n in (0, 2)] == ["0 chunks", "2 chunks"]


def test_a_long_list_ends_in_dots():
    assert errors.first_few(["a", "b"]) == "a, b"
    assert errors.first_few("abcde") == "a, b, c, ..."
