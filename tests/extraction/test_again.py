"""New clips are extracted by the manifests of a training; a page of the docs walks all the way."""

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.extraction import again, engine, sets
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction.record import IMAGES, Clip
from tests.support import encoders, extractors
from tests.support import media as made


def test_settings_of_the_manifest_are_taken_again(tmp_path):
    heard = {"by": "command", "change": {"seed": 0}}
    said = {"layers": "merbench", "every": 3, "weights": "mine", "change": {"seed": 0},
            "transcripts": heard}  # fmt: skip
    manifest = {"set": "HuBERT-base", "level": "FRA", "settings": said, "model": "m",
                "versions": {}, "size": 2}  # fmt: skip
    files.write_json(tmp_path / "manifests" / "chinese-hubert-base-FRA.json", manifest)
    roots = [tmp_path / "workdir", tmp_path]
    found = again.manifest_of(roots, "chinese-hubert-base-FRA")
    wanted = again.wanted_as(found, tmp_path / "models")
    assert (wanted.folder, wanted.weights) == ("chinese-hubert-base-FRA", "mine")
    assert (wanted.settings.layers, wanted.settings.every) == ("merbench", 3)
    assert wanted.settings.change is None
    assert wanted.settings.transcripts == {"by": "command"}
    with pytest.raises(InputError, match=r"HuBERT\.json: no manifest, so nobody knows how HuBERT"):
        again.manifest_of(roots, "HuBERT")


def test_sets_that_take_other_images_have_a_pass_of_their_own(tmp_path):
    images = [made.gradient(16, 16, 40 * i) for i in range(6)]
    clip = Clip("a", made.write(tmp_path / "a.mkv", images=images))
    plans, stretches = [], {}
    for name, every in (("all", 1), ("again", 1), ("half", 2)):
        colour = extractors.Colour()
        stretches[name] = colour.stretches
        wanted = extractors.wanted(name, colour, IMAGES, every=every)
        plans.append(again._Plan(wanted, "", None))
    assert again._run(plans, [clip], tmp_path / "kept", 1, again.uncounted) == {}
    assert stretches == {"all": [6], "again": [6], "half": [3]}
    assert np.load(tmp_path / "kept/features/half_UTT/a.npy").shape == (3,)


def test_texts_of_two_recognisers_are_refused():
    manifests = {name: {"settings": {"transcripts": {"by": name}}} for name in "ab"}
    with pytest.raises(InputError, match="the texts of a and b were transcribed in two ways"):
        again._transcribed(manifests)
    assert again._transcribed({"a": manifests["a"], "c": {"settings": {}}}) == {"by": "a"}


@pytest.mark.parametrize("rule", ["release", "merbench"])
def test_a_pretrained_set_is_resumed_and_taken_again_also_by_an_earlier_version_s_manifest(
    tmp_path, rule
):
    encoders.write_folder(tmp_path / "models" / "hubert-base", "hubert-base")
    for i in range(3):
        made.write_wav(tmp_path / "clips" / f"c{i}.wav", 9_000 * made.tone(0.1, 200 + i))
    clips = clips_lib.of_folder(tmp_path / "clips")
    others = {"release": "merbench", "merbench": "release"}
    settings = sets.Settings(models=tmp_path / "models", layers=rule)
    wanted = sets.wanted("HuBERT-base=hubert-base", settings)
    out, folder = tmp_path / "out", "chinese-hubert-base-UTT"
    engine.run(wanted, clips, out)
    path = out / "features" / folder / "c1.npy"
    before = path.read_bytes()
    manifest = out / "manifests" / f"{folder}.json"
    now = files.read_json(manifest, {})
    old = {**now, "settings": {**now["settings"], "layers": now["settings"]["states"]}}
    del old["settings"]["states"]
    for form in (now, old):
        files.write_json(manifest, form)
        path.unlink()
        assert engine.run(wanted, clips, out).written == {folder: 1}
        assert path.read_bytes() == before
        settings = sets.Settings(tmp_path / "models", layers=others[rule])
        (other,) = sets.wanted("HuBERT-base=hubert-base", settings)
        with pytest.raises(InputError, match="was extracted with settings"):
            engine.run([other], clips, out)
        found = again.manifest_of([out], folder)
        each = again.wanted_as(found, tmp_path / "models")
        assert each.settings.layers == rule
        again._check(folder, found, each, each.make())
