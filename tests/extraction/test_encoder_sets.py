"""The sets of pretrained encoders, on tiny ones whose states PyTorch gave."""

import json
import sys

import numpy as np
import pytest

from mer_jax import published
from mer_jax.errors import InputError
from mer_jax.extraction import EXTRACTORS, speech, states, text, vision, whisper
from mer_jax.extraction.record import Clip, Decoded, MediaError, Options
from mer_jax.models import encoders as package
from mer_jax.models.encoders import mel
from tests.support import encoders

CLOSE = 1e-5
ENCODED = (*speech.EXTRACTORS, *whisper.EXTRACTORS, *text.EXTRACTORS, *vision.EXTRACTORS)


def folder_of(tmp_path, case, **files):
    """A folder of weights in a folder of such, with JSON files beside."""
    folder = encoders.write_folder(tmp_path / case, case)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def made(name, tmp_path, case, **options):
    return EXTRACTORS[name].make(Options(tmp_path, case, **options))


def clip(**decoded):
    return Decoded(Clip("clip", text=decoded.pop("text", "")), **decoded)


def heard(case):
    return [clip(audio=samples) for samples in encoders.inputs(case)]


def test_speech_is_the_last_state(tmp_path):
    case = "hubert-large"
    folder_of(tmp_path, case, preprocessor_config={"do_normalize": False})
    extractor = made("HuBERT-large", tmp_path, case)
    known = encoders.known(case)
    rows = extractor.extract(heard(case))
    assert extractor.size == 32
    for found, wanted in zip(rows, known.states, strict=True):
        np.testing.assert_allclose(found, wanted[-1], rtol=0, atol=CLOSE)
    with pytest.raises(MediaError, match=r"^0.025 s of audio are too short .*needs 0.025 s$"):
        extractor.extract([clip(audio=np.zeros(399, np.float32))])
    assert len(extractor.extract([clip(audio=np.zeros(400, np.float32))])[0]) == 1
    manifest = extractor.manifest
    assert manifest["model"] == case
    assert manifest["hub"] == "TencentGameMate/chinese-hubert-large"
    assert list(manifest["weights_sha256"]) == ["model.safetensors"]
    assert manifest["settings"]["states"] == "last, after the final norm"
    assert {"jax", "flax", "mer_jax"} == set(manifest["versions"])
    json.dumps(manifest)


def test_speech_by_merbench_is_the_sum_of_the_last_four(tmp_path):
    case = "hubert-large"
    folder_of(tmp_path, case, preprocessor_config={"do_normalize": False})
    extractor = made("HuBERT-large", tmp_path, case, layers="merbench")
    first, _ = extractor.extract(heard(case))
    wanted = np.sum(encoders.known(case).states[0][-4:], axis=0)
    np.testing.assert_allclose(first, wanted, rtol=0, atol=4 * CLOSE)
    assert extractor.manifest["settings"]["window_seconds"] == 10


def test_speech_is_normalised_as_the_preprocessor_says_and_cut_into_windows(tmp_path):
    case = "hubert-base"
    folder_of(tmp_path, case)  # without the file: transformers normalises
    (samples, _) = encoders.inputs(case)
    extractor = made("HuBERT-base", tmp_path, case)
    (normal,) = extractor.extract([clip(audio=samples)])
    (louder,) = extractor.extract([clip(audio=samples / 7 + 1)])
    np.testing.assert_allclose(louder, normal, rtol=0, atol=1e-3)
    cut = extractor._replace(normalises=False, window=2000)
    pieces = cut.extract([clip(audio=samples), clip(audio=samples[:2300])])
    alone = cut.extract([clip(audio=samples[:2000]), clip(audio=samples[2000:])])
    np.testing.assert_allclose(pieces[0], np.concatenate(alone), rtol=0, atol=CLOSE)
    np.testing.assert_allclose(pieces[1], alone[0], rtol=0, atol=CLOSE)  # a rest of 300: none


def test_log_mel_is_that_of_transformers():
    with np.load(encoders.STATES / "inputs.npz") as file:
        wanted = file["mel"]
    sound = encoders.sound()
    found = mel.log_mel(sound, 80)
    assert found.shape == (80, 32)
    np.testing.assert_allclose(found, wanted[:, :32], rtol=0, atol=CLOSE)
    silent = mel.log_mel(np.pad(sound, (0, 6000)), 80)
    np.testing.assert_allclose(silent[:, : wanted.shape[1]], wanted, rtol=0, atol=CLOSE)
    nothing = mel.log_mel(np.zeros(320, np.float32), 80)
    np.testing.assert_allclose(nothing, -1.5, rtol=0, atol=CLOSE)


def test_whisper_over_the_clip_alone_and_padded(tmp_path):
    folder = folder_of(tmp_path, "whisper")
    sound = encoders.sound()
    longer = np.concatenate([sound, sound, sound])  # 94 frames, of which 80 fit
    alone = made("Whisper-tiny", tmp_path, "whisper")
    rows = alone.extract([clip(audio=sound), clip(audio=longer)])
    encoder = package.load(folder)
    (state,) = np.asarray(encoder.hidden_states(mel.log_mel(sound, 80)[None])[-1])
    np.testing.assert_allclose(rows[0], state, rtol=0, atol=CLOSE)
    assert [len(each) for each in rows] == [16, 47]
    padded = made("Whisper-tiny-30s", tmp_path, "whisper")
    (found,) = padded.extract([clip(audio=sound)])
    silent = np.concatenate([sound, np.zeros(80 * 160 - len(sound), np.float32)])
    (state,) = np.asarray(encoder.hidden_states(mel.log_mel(silent, 80)[None])[-1])
    np.testing.assert_allclose(found, state[:16], rtol=0, atol=CLOSE)
    assert np.abs(found - rows[0]).max() > 0.1
    assert alone.manifest["settings"]["input"] == "the clip alone"
    assert padded.manifest["settings"]["input"] == "padded to 30 s"


def test_whisper_s_decoder_by_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch runs the decoder")
    transformers = pytest.importorskip("transformers", reason="whose model it is")
    from mer_jax.extraction import foreign

    folder = folder_of(tmp_path, "whisper")
    made_of = made("Whisper-tiny-decoder", tmp_path, "whisper")
    sound = encoders.sound()
    rows, longer = made_of.extract([clip(audio=sound), clip(audio=np.tile(sound, 3))])
    model = transformers.WhisperModel.from_pretrained(folder).eval()
    silent = np.concatenate([sound, np.zeros(80 * 160 - len(sound), np.float32)])
    with torch.no_grad():
        heard_states = model.encoder(torch.tensor(mel.log_mel(silent, 80))[None])[0]
        start = torch.tensor([[3, 3]])
        wanted = model.decoder(start, encoder_hidden_states=heard_states).last_hidden_state
    np.testing.assert_allclose(rows, wanted[0], rtol=0, atol=CLOSE)
    assert rows.shape == (2, 32) == (2, made_of.size) and longer.shape == (4, 32)
    assert {"torch", "transformers"} < set(made_of.manifest["versions"])
    json.dumps(made_of.manifest)
    monkeypatch.setattr(foreign, "is_there", lambda: False)
    with pytest.raises(InputError, match=r"install torch, or take Whisper-tiny, the encoder"):
        made("Whisper-tiny-decoder", tmp_path, "whisper")


def tokenizer_json(words=60):
    """A tokeniser of the words w5, w6, ... whose special tokens are 2 and 3."""
    special = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    vocabulary = {**special, **{f"w{i}": i for i in range(5, words)}}
    ids = {
        token: {"id": token, "ids": [special[token]], "tokens": [token]}
        for token in ("[CLS]", "[SEP]")
    }
    return {
        "version": "1.0",
        "truncation": {
            "max_length": 4,
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": "Right",
        },
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": ids,
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip


def said(tokens):
    return clip(text=" ".join(f"w{token}" for token in tokens))


def test_texts_are_the_sum_of_the_last_four_states_without_special_tokens(tmp_path):
    pytest.importorskip("tokenizers", reason="it reads tokenizer.json")
    folder = folder_of(tmp_path, "bert", tokenizer=tokenizer_json())
    extractor = made("MacBERT-base", tmp_path, "bert")
    encoder = package.load(folder)
    tokens = [[7, 9, 11, 8, 30], [12], [9] * 20]
    rows = extractor.extract([*map(said, tokens), clip(text=""), clip(text=" ")])
    for found, own in zip(rows, tokens, strict=False):
        sequence = np.array([[2, *own, 3]])
        wanted = np.sum([np.asarray(s) for s in encoder.hidden_states(sequence)[-4:]], axis=0)
        np.testing.assert_allclose(found, wanted[0, 1:-1], rtol=0, atol=4 * CLOSE)
    for found in rows[3:]:
        np.testing.assert_array_equal(found, np.zeros((1, 32)))
    (long,) = extractor.extract([said([9] * 600)])  # of 512 positions
    assert long.shape == (600, 32)
    (start,) = extractor.extract([said([9] * 510)])
    np.testing.assert_allclose(long[:510], start, rtol=0, atol=CLOSE)


def test_a_folder_without_a_tokeniser(tmp_path):
    folder_of(tmp_path, "bert", tokenizer={"version": "1.0"})
    pytest.importorskip("tokenizers", reason="it reads tokenizer.json")
    with pytest.raises(InputError, match=r"tokenizer.json: not readable: "):
        made("BERT-base", tmp_path, "bert")


def test_pixels_are_those_of_transformers(tmp_path):
    from mer_jax.extraction import pixels

    with np.load(encoders.STATES / "inputs.npz") as file:
        wanted = file["pixels"]
    said = {"size": {"shortest_edge": 32}, "crop_size": {"height": 28, "width": 28}}
    (tmp_path / pixels.FILE).write_text(json.dumps(said))
    found = pixels.read(tmp_path, "clip")(encoders.image())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
    (tmp_path / pixels.FILE).write_text(
        json.dumps({"size": {"shortest_edge": 224}, "crop_pct": 0.875})
    )
    assert pixels.read(tmp_path, "resnet")[:3] == (256, 224, 2)
    for broken in ({"size": "big"}, {"size": {}}, {"image_mean": [1, 2]}, {"crop_size": 999}):
        (tmp_path / pixels.FILE).write_text(json.dumps(broken))
        with pytest.raises(InputError, match=r"not a preprocessor's file that is understood"):
            pixels.read(tmp_path, "clip")


def test_faces_are_rows_of_the_model(tmp_path, monkeypatch):
    size = {"size": 28, "crop_size": 28, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    random = np.random.RandomState(5)
    faces = random.randint(0, 256, (4, 28, 28, 3)).astype(np.uint8)
    pixels = ((faces / np.float32(255) - 0.5) / 0.25).transpose(0, 3, 1, 2).astype(np.float32)
    clips = [clip(faces=faces[:1]), clip(faces=faces[1:])]
    for case, name, options, wanted in (
        ("clip", "CLIP-base", {}, lambda e: [*e.pooled(pixels[:2]), *e.pooled(pixels[2:])]),
        ("dinov2", "DINOv2-base", {}, lambda e: np.mean(e.hidden_states(pixels)[-1], axis=1)),
        (
            "dinov2",
            "DINOv2-base",
            {"layers": "merbench"},
            lambda e: np.sum(e.hidden_states(pixels)[-1], axis=1),
        ),
        ("resnet", "ResNet-ImageNet", {}, lambda e: e.hidden_states(pixels)[-1].mean((2, 3))),
    ):
        folder = folder_of(tmp_path, case, preprocessor_config=size)
        extractor = made(name, tmp_path, case, **options)
        monkeypatch.setattr(vision, "_IMAGES", 2 if case == "clip" else 32)
        first, second = extractor.extract(clips)
        assert len(first) == 1 and len(second) == 3
        found = np.concatenate([first, second])
        assert found.shape[1] == extractor.size
        np.testing.assert_allclose(found, wanted(package.load(folder)), rtol=0, atol=5 * CLOSE)


def test_names_and_folders_of_the_sets():
    assert len({record.name for record in ENCODED}) == len(ENCODED)
    folders = [record.folder("UTT") for record in ENCODED]
    assert len(set(folders)) == len(folders)
    for record in ENCODED:
        assert record.folder("UTT").endswith("UTT") and record.folder("FRA").endswith("FRA")
        known = published.FEATURE_SETS.get(record.name)
        if known:
            assert record.modality == known.modality and not record.release_folder
    assert EXTRACTORS["HuBERT-large"].folder("FRA") == "chinese-hubert-large-FRA"
    assert EXTRACTORS["MacBERT-large"].folder("UTT") == "chinese-macbert-large-4-UTT"


def test_where_weights_are_looked_for(tmp_path, monkeypatch):
    record = EXTRACTORS["BERT-base"]
    folder = folder_of(tmp_path, "bert").rename(tmp_path / "bert-base-chinese")
    assert states.folder_of(record, Options(tmp_path)) == folder
    (tmp_path / "owner").mkdir()
    folder.rename(tmp_path / "owner" / "model")
    assert states.folder_of(record, Options(tmp_path, "owner/model")) == tmp_path / "owner/model"
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"fetching it from the hub needs huggingface_hub"):
        states.folder_of(record, Options(tmp_path, "owner/other"))
    with pytest.raises(InputError, match=r"BERT-base: no folder .*bert-base-chinese"):
        states.folder_of(record, Options(tmp_path))


def test_a_model_that_is_not_ours_runs_by_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch runs what is not among our encoders")
    transformers = pytest.importorskip("transformers", reason="whose models these are")
    import warnings

    folder_of(tmp_path, "bert", tokenizer=tokenizer_json())
    folder = tmp_path / "foreign"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=60,
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=48,
        )
        model = transformers.LlamaModel(config).eval()
        model.save_pretrained(folder)
        (tmp_path / "bert" / "tokenizer.json").rename(folder / "tokenizer.json")
        extractor = made("BERT-base", tmp_path, "foreign")
        tokens = [[7, 9, 11, 8, 30], [12, 5, 6]]
        rows = extractor.extract(list(map(said, tokens)))
        for found, own in zip(rows, tokens, strict=True):
            with torch.no_grad():
                out = model(torch.tensor([[2, *own, 3]]), output_hidden_states=True)
            wanted = sum(state[0, 1:-1].numpy() for state in out.hidden_states[-4:])
            np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
        folder, sizes = tmp_path / "sound", encoders.CASES["hubert-large"].config
        config = transformers.Data2VecAudioConfig(**{**sizes, "num_conv_pos_embeddings": 3})
        model = transformers.Data2VecAudioModel(config).eval()
        model.save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
        sounds = heard("hubert-large")  # of two lengths, of which neither knows of the other
        for found, own in zip(
            made("HuBERT-base", tmp_path, "sound").extract(sounds), sounds, strict=True
        ):
            with torch.no_grad():
                out = model(torch.tensor(own.audio)[None], output_hidden_states=True)
            wanted = out.hidden_states[-1][0].numpy()
            np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
    assert {"torch", "transformers"} < set(extractor.manifest["versions"])
    from mer_jax.extraction import foreign

    monkeypatch.setattr(foreign, "is_there", lambda: False)
    with pytest.raises(InputError, match=r"model_type='llama' is no encoder that is here"):
        made("BERT-base", tmp_path, "foreign")
