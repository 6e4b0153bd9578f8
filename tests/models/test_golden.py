"""Our models against the numbers of MERBench's release, where its golden files are there."""

import pytest

from mer_jax.data.npy import FRAME
from mer_jax.models.fusion import levels
from tests.support import golden

FILES = [path for path in sorted(golden.FOLDER.glob("*.npz")) if golden.is_golden(path)]


@pytest.mark.skipif(not FILES, reason=f"needs the golden files, {golden.FOLDER.name}")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_equals_the_release(path):
    held = golden.read(path)
    if golden.fusion_of(held) not in golden.FUSIONS:
        pytest.skip(f"there is no fusion {golden.fusion_of(held)}")
    if FRAME not in levels(golden.fusion_of(held)) and held.config["frames"]:
        pytest.skip(f"{golden.fusion_of(held)} takes no frames")
    for precision in (golden.SINGLE, golden.DOUBLE):
        found, allowed = golden.differences(held, precision), golden.tolerance(held, precision)
        assert golden.passes(found, allowed), (precision, found, allowed)
