"""Real trainings killed at random moments: what they leave in the end is the undisturbed run's.

Two kills of a supervised training here; `make kill` asks for more, and for both kinds.
"""

import os
import subprocess
import time

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.data import synthetic
from tests.test_end_to_end import COUNTS, assert_same_files, config_of, flags_of

KILLS = int(os.environ.get("MER_JAX_KILLS", "2"))
SEED = int(os.environ.get("MER_JAX_KILL_SEED", "0"))
OFTEN = {  # as many moments as there can be between which a kill may fall
    "model__hidden": 8,
    "train__epochs": 12,
    "train__segment": 1,
    "train__checkpoint_seconds": 0,
}
KINDS = {
    "supervised": {},
    "semi-supervised": {
        "semi__method": "pseudo_label",
        "data__labelled_fraction": 0.5,
        "semi__mu": 2,
        "semi__warmup": 2,
    },
}
TOLD = KINDS if "MER_JAX_KILLS" in os.environ else ("supervised",)


def finish_among_kills(start, rng, longest):
    """Starts a training until it ends, and kills it at random moments; gives how often."""
    kills = 0
    while True:
        with start() as process:
            patience = rng.uniform(0, longest) if kills < KILLS else 300
            try:
                _, log = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                assert kills < KILLS, "a training that nobody disturbs must end"
                kills += 1
                continue
        assert process.returncode == 0, log
        return kills


@pytest.mark.parametrize("kind", TOLD)
def test_a_killed_training_ends_with_the_undisturbed_ones_bits(
    tmp_path, start_command_line, command_line, kind
):
    root = tmp_path / "corpus"
    synthetic.ensure(root, seed=1, pool=4, counts=COUNTS)

    def arguments(name):
        config = config_of(root, tmp_path / f"tfds_{name}", **OFTEN, **KINDS[kind])
        base = f"--config={config_lib.CONFIGS / 'base.py'}"
        return [base, f"--workdir={tmp_path / name}", *flags_of(config)]

    command_line(*arguments("warm"))  # compiles, so that `longest` is what a restart takes
    begun = time.monotonic()
    done = command_line(*arguments("whole"))
    longest = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(SEED)
    kills = finish_among_kills(lambda: start_command_line(*arguments("killed")), rng, longest)
    assert kills, "no moment fell into the training: use another MER_JAX_KILL_SEED"
    assert_same_files(tmp_path / "whole", tmp_path / "killed")
    print(f"{kind}: {kills} kills, {longest:.1f} s undisturbed")
