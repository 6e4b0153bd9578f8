"""Flags that several modes take, and those that the command line itself takes."""

import dataclasses
import pathlib

from mer_jax.modes.record import Flag

CONFIG = Flag(
    "config",
    "A Python file, or the name of one of configs/; without it DIR/config.json. "
    "Override: --config.KEY=VALUE.",
    value_name="FILE",
)
WORKDIR = Flag("workdir", "The folder of a run's files.", pathlib.Path, value_name="DIR")
QUIET = Flag("quiet", "No progress and no log lines; warnings, errors and results stay.", bool,
             default=False)  # fmt: skip

LABELS = Flag("labels", "Labels of clips, a CSV or, of test clips, an npz.", pathlib.Path)
OUT = Flag("out", "What to write: a file; of scores and of clips a folder.", pathlib.Path,
           value_name="PATH")  # fmt: skip
AGAINST = Flag("against", "What to compare with: another run or extraction, or another file.",
               pathlib.Path, value_name="PATH")  # fmt: skip
OUT_FILE = dataclasses.replace(OUT, writes=True)  # of the modes that write one file
OUT_FOLDER = dataclasses.replace(OUT, writes_in=("scores.json", "clips.csv"))  # of scores
OUT_REPORT = dataclasses.replace(  # of scores with a confusion matrix
    OUT, writes_in=(*OUT_FOLDER.writes_in, "report.md", "report.html", "figures/confusion.png")
)
OUT_CORPUS = dataclasses.replace(  # and features of clips
    OUT, writes_in=("failures.csv", "corruption.csv", "transcripts.csv")
)
OUT_CLIPS = dataclasses.replace(  # of corrupted media
    OUT, writes_in=("corruption.csv", "corruption.json", "failures.csv")
)
OUT_PIECES = dataclasses.replace(  # of collected clips
    OUT, writes_in=("pieces.csv", "clips.csv", "collection.json", "voice.json", "failures.csv")
)

# Of the modes that score files.
PREDICTIONS = Flag("predictions", "What a system says of each clip, a file or a folder.",
                   pathlib.Path, value_name="PATH")  # fmt: skip
RESPONSES = Flag("responses", "Stored answers: a CSV, or the JSONL of --mode=ask.", pathlib.Path)
RESAMPLES = Flag("resamples", "Drawings of the bootstrap; 0: no intervals.", int, default=1000,
                 least=0)  # fmt: skip
SEED = Flag("seed", "Of drawings: the bootstrap's, noise and blur; and sent to a server.", int,
            default=0, least=0)  # fmt: skip
MISSING = Flag("missing", "What a clip without an answer counts as.", choices=("empty", "wrong"))
SYNONYMS = Flag("synonyms", "Groups of words with one meaning: a zip, a folder or JSON.",
                pathlib.Path, value_name="PATH")  # fmt: skip
WHEEL = Flag("wheel", "The emotion wheels: the organisers' folder, an npz or wheel.json.",
             pathlib.Path, value_name="PATH")  # fmt: skip
LISTS = Flag("lists", "How a printed list is read.", choices=("mer2024", "mer2025", "literal"))
CANDIDATES = Flag("candidates", "What answers are chosen from.", value_name="A,B,C")

# Of the modes that read raw clips.
MEDIA = Flag("media", "The folder with the clips' media files.", pathlib.Path, value_name="DIR")
CLIPS = Flag("clips", "A CSV with name and any of emotion, valence, speaker, text, split.",
             pathlib.Path)  # fmt: skip
MODELS = Flag("models", "The folder of folders with pretrained weights.", pathlib.Path,
              value_name="DIR")  # fmt: skip
NOISE = Flag("noise", "A folder of speech: mixed into each clip's audio, as in MER-NOISE.",
             pathlib.Path, value_name="DIR")  # fmt: skip
SNR = Flag("snr", "In dB: uniform in LOW:HIGH, or one of A,B,C. The paper's: 5:10.",
           value_name="LOW:HIGH")  # fmt: skip
BLUR = Flag("blur", "Factors, one of which blurs a clip. The paper's: 1,2,4.",
            value_name="A,B,C")  # fmt: skip
AS_RELEASE = Flag("as_release", "Noise and blur as the release's code makes them.", bool,
                  default=False)  # fmt: skip
CORRUPTION = (NOISE, SNR, BLUR, SEED, AS_RELEASE)  # as corruption.recipe_of takes them
ASR = Flag("asr", "Transcribes clips without a text: a model of faster-whisper, folder or name.",
           value_name="MODEL")  # fmt: skip
ASR_COMMAND = Flag("asr_command", "So does a command that prints what is said in {audio}, a WAV.",
                   value_name="COMMAND")  # fmt: skip
LANGUAGE = Flag("language", "That is spoken, such as zh; none: faster-whisper detects it.",
                value_name="CODE")  # fmt: skip
WRITING = "writing into it", "--out"  # for the lock of a folder that a mode of clips writes
WORKERS = Flag("workers", "Threads that decode; none: one a core.", int, least=1)

# Of the modes that ask a server.
SERVER = Flag("server", "Its address, up to /v1.", value_name="URL")
MODEL = Flag("model", "The model's name, as the server lists it.", value_name="NAME")
ALLOW_REMOTE = Flag("allow_remote", "Lets samples leave this network.", bool, default=False)
API_KEY_ENV = Flag("api_key_env", "The environment variable with the key; none: OPENAI_API_KEY.",
                   value_name="NAME")  # fmt: skip
TEMPERATURE = Flag("temperature", "Of the answers.", float, default=0.0, least=0.0)
MAX_TOKENS = Flag("max_tokens", "Longest answer.", int, default=2048, least=1)
PARALLEL = Flag("parallel", "Requests at a time.", int, default=4, least=1, most=256)
TIMEOUT = Flag("timeout", "Seconds to wait for an answer.", float, default=120.0, least=0.1)
ATTEMPTS = Flag("attempts", "How often a request is sent at most.", int, default=5, least=1)
RETRY = Flag("retry", "Asks anew what failed before.", bool, default=False)
ASKING = (SERVER, MODEL, ALLOW_REMOTE, API_KEY_ENV, TEMPERATURE, SEED, MAX_TOKENS, PARALLEL,
          TIMEOUT, ATTEMPTS, RETRY)  # fmt: skip
