"""Sets of corrupted clips: training takes clips from one folder, test splits from another."""

import numpy as np
import pytest

from mer_jax.data import corpus as corpus_lib
from mer_jax.data import variants
from mer_jax.errors import InputError
from tests.support import user_folder
from tests.support.configs import changed


@pytest.mark.parametrize(
    ("feature_set", "folder"),
    [
        ("hubert-large-UTT", "hubert-large-5-UTT"),
        ("IS09_UTT", "IS09_5_UTT"),
        ("minilm-FRA", "minilm-5-FRA"),
        ("mine", "mine-5"),
    ],
)
def test_a_version_stands_before_the_ending(feature_set, folder):
    config = changed(features__test_snr="5")
    assert variants.folder(feature_set, "mer_multi", config) == folder
    assert variants.folder(feature_set, "train", config) == feature_set
    assert variants.folders([feature_set], ("train", "val", "test"), config) == {
        feature_set: {"train", "val"},
        folder: {"test"},
    }


def write(root):
    """Clean clips of train, noisy ones of the test splits: no folder has all of them."""
    names = user_folder.write_mer2023(root)
    learnt = names["train"] + names["mer_semi"]
    tested = [name for split in ("mer_multi", "mer_noise", "mer_semi") for name in names[split]]
    user_folder.write_vectors(root, "mine-10-UTT", learnt, seed=1)
    user_folder.write_vectors(root, "mine-0-UTT", tested, seed=2)
    return names


def test_each_split_has_the_features_of_its_version(tmp_path):
    root = tmp_path / "user"
    names = write(root)
    config = user_folder.config(
        root,
        tmp_path / "tfds",
        features__audio="mine-UTT",
        features__train_snr="10",
        features__test_snr="0",
    )
    corpus = corpus_lib.load(config)
    assert {"mine-10-UTT", "mine-0-UTT"} < corpus.fingerprint.keys()
    for split, folder in {
        "train": "mine-10-UTT",
        "unlabelled": "mine-10-UTT",
        "mer_multi": "mine-0-UTT",
        "mer_noise": "mine-0-UTT",
        "mer_semi": "mine-0-UTT",
    }.items():
        found = corpus.splits[split]
        assert found.names.tolist() == names[split]
        files = [np.load(root / "features" / folder / f"{name}.npy") for name in names[split]]
        np.testing.assert_array_equal(np.asarray(found.features["audio"]), files, err_msg=split)


def test_what_a_version_lacks_is_told(tmp_path):
    root = tmp_path / "user"
    names = write(root)
    (root / "features" / "mine-0-UTT" / f"{names['mer_multi'][0]}.npy").unlink()
    changes = {"features__audio": "mine-UTT", "features__train_snr": "10"}
    config = user_folder.config(root, tmp_path / "tfds", **changes, features__test_snr="0")
    with pytest.raises(InputError, match="mine-0-UTT, mer_multi: 1 name without a feature"):
        corpus_lib.load(config)
    config = user_folder.config(root, tmp_path / "tfds", **changes, features__test_snr="20")
    with pytest.raises(InputError, match="mine-20-UTT"):
        corpus_lib.load(config)
    config = user_folder.config(root, tmp_path / "tfds", **changes, features__test_snr="a/b")
    with pytest.raises(InputError, match=r"config\.features\.test_snr"):
        corpus_lib.load(config)
