"""The page of a clip: its prediction, the weights of its modalities, its sound, text and images."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mer_jax import files
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import near_names
from mer_jax.errors import InputError
from mer_jax.evaluation.predicted import Predicted
from mer_jax.extraction import again, audio, faces, transcripts, video
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction.record import FACES, SAMPLE_RATE, Clip, Frame, MediaError
from mer_jax.reporting import document, drawing
from mer_jax.reporting.document import Document, Image, Section, Table, Text
from mer_jax.reporting.drawing import Drawn, Picture
from mer_jax.reporting.run import Run
from mer_jax.workdir import Workdir

LIST = "clips.csv"  # of a corpus: its labels and texts
SHOWN = 6  # crops or images
_COLUMNS = 1000  # of the waveform: each has the least and the greatest of its samples
_WAVEFORM, _IMAGES = "waveform", "images"  # names of pictures


class Given(NamedTuple):
    """Where what was heard and seen lies."""

    media: pathlib.Path | None = None  # None: the page has neither sound nor images
    listed: pathlib.Path | None = None  # the CSV with texts; None: the corpus's own
    models: pathlib.Path | None = None  # with YuNet; without it whole images are shown


def write(run: Run, name: str, given: Given) -> pathlib.Path:
    """Writes `clips/NAME.html` into the workdir, a page that needs nothing else; gives its path.

    Raises InputError for a name that no split has, and for a file or folder that is not there. A
    clip that cannot be decoded is told on the page.
    """
    split, predicted = _find(run, name)
    clip = _clip(run, name, given)
    pictures: dict[str, Picture] = {}
    sections = [_prediction(run, predicted), _weights(run, predicted), _text(clip)]
    if given.media is not None:
        sections += [_heard(clip, pictures), _seen(run, clip, given, pictures)]
    content = Document(
        f"{name} ({drawing.title_of(run, split)})",
        [],
        [section for section in sections if section is not None],
    )
    path = Workdir(run.workdir).clip_page(name)
    drawn = {key: drawing.png(picture.figure) for key, picture in pictures.items()}
    files.write_text(path, document.web_page(content, drawn))
    return path


def _find(run: Run, name: str) -> tuple[str, Predicted]:
    """The split that has the clip, and its prediction there."""
    known: list[str] = []
    for split in run.splits:
        predicted = run.predicted(split)
        row = np.flatnonzero(predicted.names == name)
        if row.size:
            return split, predicted.rows(row)
        known += predicted.names.tolist()
    raise InputError(
        f"--clip: {name!r} is in none of the splits {', '.join(run.splits)}"
        + near_names.hint([name], known)
    )


def _root(run: Run) -> pathlib.Path | None:
    return pathlib.Path(run.source.data.root) if run.source.data.root else None


def _clip(run: Run, name: str, given: Given) -> Clip:
    """The clip with its file and its text, as far as they are known."""
    path = None if given.media is None else clips_lib.find(given.media, [name])[name]
    root, listed, text = _root(run), given.listed, ""
    if listed is None and root is not None and (root / LIST).is_file():
        listed = root / LIST
    if listed is not None:
        texts = {clip.name: clip.text for clip in clips_lib.read(listed, None)}
        text = texts.get(name, "").strip()
    if not text and root is not None:
        text = transcripts.texts(root).get(name, "")
    return Clip(name, path, text)


def _prediction(run: Run, predicted: Predicted) -> Section:
    """Each class's probability, the valence, and what is true of them."""
    labels, rows = predicted.labels, []
    true = run.task.classes[int(labels.emotion[0])] if predicted.has_emotion else None
    if run.task.classes:
        probability_C = predicted.probability[0]
        for at in np.argsort(-probability_C, kind="stable"):
            name = run.task.classes[at]
            rows.append([name, f"{probability_C[at]:.3f}", "true" if name == true else ""])
    for number, name in enumerate(run.task.numbers):
        of = predicted.of_target(number) if run.task.targets else predicted
        known = f"true: {of.labels.valence[0]:.2f}" if of.has_valence else ""
        rows.append([name, f"{of.predictions.valence[0]:.2f}", known])
    return Section("Prediction", [Table(("", "predicted", "label"), rows)])


def _weights(run: Run, predicted: Predicted) -> Section:
    """How much each modality counted, where the fusion says so."""
    attention = predicted.predictions.attention
    if not attention:
        said = f"The fusion {run.trial['model.fusion']} gives no weight of a modality."
        return Section("Modalities", [Text(said)])
    sets = corpus_lib.modalities(run.config)
    rows = [[m, str(sets.get(m, "")), f"{weight[0]:.3f}"] for m, weight in attention.items()]
    table = Table(("modality", "feature set", "weight"), rows)
    return Section("Modalities", [table, Text("The mean over the runs that predict the clip.")])


def _text(clip: Clip) -> Section | None:
    return Section("Text", [Text(clip.text)]) if clip.text else None


def _heard(clip: Clip, pictures: dict[str, Picture]) -> Section:
    try:
        samples_S = audio.read(clip.path)
    except MediaError as error:
        return Section("Sound", [Text(f"Not shown: {error}.")])
    pictures[_WAVEFORM] = waveform(samples_S)
    return Section("Sound", [Image(_WAVEFORM, pictures[_WAVEFORM].alt)])


def waveform(samples_S: np.ndarray) -> Picture:
    """The least and the greatest sample of each of many short times."""
    starts = np.unique(np.linspace(0, len(samples_S), _COLUMNS, endpoint=False).astype(int))
    low, high = np.minimum.reduceat(samples_S, starts), np.maximum.reduceat(samples_S, starts)
    seconds = len(samples_S) / SAMPLE_RATE
    figure = Drawn(figsize=(9, 2))
    axes = figure.add_axes((0.08, 0.25, 0.9, 0.7))
    axes.fill_between(starts / SAMPLE_RATE, low, high, linewidth=0.5)
    axes.set(xlim=(0, seconds), ylim=(-1, 1), xlabel="seconds", ylabel="amplitude")
    loudest = np.abs(samples_S).max()
    return Picture(figure, f"Waveform of {seconds:.2f} s, at most {loudest:.2f} of full scale.")


def _seen(run: Run, clip: Clip, given: Given, pictures: dict[str, Picture]) -> Section:
    """A few crops of the face that was followed, or of the images where none was."""
    every, choice = _how(run)
    try:
        shown: list[Frame] = []
        if given.models is not None:
            detector = faces.YuNet(faces.find_weights(given.models))
            shown = evenly(faces.Follower(detector, choice)(video.read(clip.path, every)))
        what = "face"
        if not shown:
            what, shown = "image", evenly(video.read(clip.path, every))
    except MediaError as error:
        return Section("Images", [Text(f"Not shown: {error}.")])
    pictures[_IMAGES] = row_of(shown, what)
    parts: list = [Image(_IMAGES, pictures[_IMAGES].alt)]
    if what == "image":
        because = "--models names no folder" if given.models is None else "No face was found"
        parts.append(Text(f"{because}: whole images are shown."))
    return Section("Images", parts)


def _how(run: Run) -> tuple[int, str]:
    """Which images were taken, and which of several faces, by the sets' manifests."""
    roots = [pathlib.Path(run.workdir), *([] if (root := _root(run)) is None else [root])]
    every, choice = 1, faces.STEADY
    for folder in corpus_lib.modalities(run.config).values():
        try:
            wanted = again.manifest_of(roots, folder)["settings"]
        except InputError:  # not extracted here
            continue
        every = wanted.get("every", every)
        choice = wanted.get(FACES, {}).get("follow", choice)
    return every, choice


def evenly(frames: Iterator[Frame], count: int = SHOWN) -> list[Frame]:
    """Some of the frames, evenly spaced in their order; few are in memory, however many come."""
    kept: list[Frame] = []
    stride = 1
    for number, frame in enumerate(frames):
        if number % stride == 0:
            kept.append(frame)
            if len(kept) > 4 * count:
                kept, stride = kept[::2], 2 * stride
    places = np.unique(np.linspace(0, len(kept) - 1, min(count, len(kept))).round().astype(int))
    return [kept[place] for place in places]


def row_of(frames: list[Frame], what: str) -> Picture:
    """Images side by side, each under its time."""
    figure = Drawn(figsize=(1.5 * SHOWN, 1.8))
    for place, frame in enumerate(frames):
        axes = figure.add_axes(((place + 0.02) / SHOWN, 0, 0.96 / SHOWN, 0.88))
        axes.imshow(frame.image)
        axes.set_axis_off()
        axes.set_title(f"{frame.time:.2f} s", fontsize=8)
    times = ", ".join(f"{frame.time:.2f}" for frame in frames)
    return Picture(figure, f"The clip's {what} at {times} s.")
