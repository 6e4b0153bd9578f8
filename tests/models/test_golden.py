"""Our models against the numbers of MERBench's release, where its golden files are there."""

import json
import os

import numpy as np
import pytest

from mer_jax.data.npy import FRAME
from mer_jax.models.fusion import levels
from tests.support import golden, golden_made

# `make golden` takes every file in both precisions, which compiles for minutes; the suite takes
# each algorithm's first file in the stricter one.
IS_WHOLE = os.environ.get("MER_JAX_GOLDEN") == "all"
PRECISIONS = (golden.SINGLE, golden.DOUBLE) if IS_WHOLE else (golden.DOUBLE,)
FILES = [
    path
    for path in sorted(golden.FOLDER.glob("*.npz"))
    if golden.is_golden(path) and (IS_WHOLE or "-" not in path.stem)
]


@pytest.mark.skipif(not FILES, reason=f"needs the golden files, {golden.FOLDER.name}")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_equals_the_release(path):
    held = golden.read(path)
    if golden.fusion_of(held) not in golden.FUSIONS:
        pytest.skip(f"there is no fusion {golden.fusion_of(held)}")
    if FRAME not in levels(golden.fusion_of(held)) and held.config["frames"]:
        pytest.skip(f"{golden.fusion_of(held)} takes no frames")
    for precision in PRECISIONS:
        found, allowed = golden.differences(held, precision), golden.tolerance(held, precision)
        assert golden.passes(found, allowed), (precision, found, allowed)


ALGORITHMS = [
    *(pytest.param(name, False, id=name) for name in golden_made.ALGORITHMS),
    pytest.param("lmf", True, id="lmf-frames"),
]


@pytest.mark.parametrize(("algorithm", "frames"), ALGORITHMS)
def test_equals_pytorch_on_data_made_here(algorithm, frames):
    held = golden_made.made(algorithm, frames)
    if golden.fusion_of(held) not in golden.FUSIONS:
        pytest.skip(f"there is no fusion {golden.fusion_of(held)}")
    found = golden.differences(held, golden.DOUBLE)
    assert golden.passes(found, golden.tolerance(held, golden.DOUBLE)), found


def test_a_wrong_number_is_beyond_the_tolerance(tmp_path, capsys):
    held = golden_made.made("lf_dnn")
    arrays = held.arrays | {"config": json.dumps(held.config)}
    gradient = arrays["grad/post_fusion_layer_1.bias"].copy()
    gradient[0] *= 1.001
    np.savez(tmp_path / "good.npz", **arrays)
    np.savez(tmp_path / "bad.npz", **arrays | {"grad/post_fusion_layer_1.bias": gradient})
    assert golden.main([str(tmp_path / "good.npz")]) == 0
    assert "BEYOND" not in capsys.readouterr().out
    assert golden.main([str(tmp_path / "good.npz"), str(tmp_path / "bad.npz")]) == 1
    assert capsys.readouterr().out.count("BEYOND") == 2
