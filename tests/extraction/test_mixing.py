"""Which sets of two extractions may be mixed."""

import re

import numpy as np
import pytest

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.extraction import mixing

VALUES = np.array([[-1.0, 1.0], [3.0, 5.0]], np.float32)  # of deviation 5 ** 0.5


def extraction(root, name, values, **said):
    """An extraction of a set's clips a, b, ..."""
    manifest = {
        "set": "IS09",
        "level": "UTT",
        "settings": {"sample_rate": 16_000},
        "model": "m",
        "versions": {"jax": "1"},
        "size": 2,
    }
    files.write_json(root / "manifests" / f"{name}.json", {**manifest, **said})
    folder = root / "features" / name
    folder.mkdir(parents=True)
    for clip, value in values.items():
        np.save(folder / f"{clip}.npy", value)


NEW = {"versions": {"jax": "2"}}
CASES = {
    "alike": ({"c": VALUES[0]}, {}, True, r"^made alike$"),
    "equal": ({"a": VALUES[0], "b": VALUES[1]}, NEW, True, r"^made by jax 1 and 2; .* the bit$"),
    "near": ({"a": VALUES[0] + 0.002, "b": VALUES[1]}, NEW, True, r"up to 0.0009 deviations apart"),
    "far": ({"a": VALUES[0], "b": VALUES[1] - 0.0025}, NEW, False, r"up to 0.001 deviations apart"),
    "longer": ({"a": VALUES}, NEW, False, r"up to inf deviations apart"),
    "no clip": ({"c": VALUES[0]}, NEW, None, r"^made by jax 1 and 2, and no clip lies in both"),
    "weights": (
        {"a": VALUES[0]},
        {"weights_sha256": {"w": "00"}},
        False,
        r"^made otherwise: weights_sha256 None and \{'w': '00'\}$",
    ),
    "settings": (
        {"a": VALUES[0]},
        {"settings": {"sample_rate": 8_000}},
        False,
        r"^made otherwise: sample_rate 16000 and 8000$",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_two_extractions_of_a_set_are(tmp_path, case):
    values, said, may, why = CASES[case]
    first, second = tmp_path / "first", tmp_path / "second"
    extraction(first, "IS09_UTT", {"a": VALUES[0], "b": VALUES[1]})
    extraction(first, "IS10_UTT", {})
    files.write_json(first / "manifests" / "transcripts.json", {})
    files.write_json(second / "manifests" / "transcripts.json", {})
    extraction(second, "IS09_UTT", values, **said)
    (found,) = mixing.verdicts(first, second)
    assert (found.folder, found.may) == ("IS09_UTT", may)
    assert re.search(why, found.why), found.why


def test_folders_without_a_set_in_both(tmp_path):
    extraction(tmp_path / "first", "IS09_UTT", {})
    with pytest.raises(InputError, match="no feature set with a manifest lies in both"):
        mixing.verdicts(tmp_path / "first", tmp_path / "second")
    extraction(tmp_path / "second", "IS09_UTT", {"a": VALUES[0]})
    (tmp_path / "first" / "features" / "IS09_UTT" / "a.npy").write_text("no array")
    with pytest.raises(InputError, match=r"a.npy: not a readable array"):
        mixing.verdicts(tmp_path / "first", tmp_path / "second")


def test_the_command(tmp_path, capsys):
    from mer_jax import config
    from mer_jax.modes import check
    from mer_jax.modes.record import Arguments

    first, second = tmp_path / "first", tmp_path / "second"
    extraction(first, "IS09_UTT", {"a": VALUES[0]})
    extraction(second, "IS09_UTT", {"a": VALUES[0]}, **NEW)
    chosen = config.load_base()
    chosen.data.root = str(first)
    arguments = Arguments("check", {"against": second}, config=chosen)
    check.MODE.run(arguments)
    assert "IS09_UTT  may be mixed  made by jax 1 and 2" in capsys.readouterr().out
    np.save(second / "features" / "IS09_UTT" / "a.npy", VALUES[1])
    with pytest.raises(InputError, match=r"1 feature set of .* must not be mixed: IS09_UTT"):
        check.MODE.run(arguments)
