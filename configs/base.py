"""Every configuration key with its default: the other files of this folder start from here."""

import itertools

from ml_collections import config_dict

from mer_jax import semi
from mer_jax.models.fusion import FUSIONS
from mer_jax.training import losses, optimizer


def open_type(default):
    """A key whose values can be of another type than its default's; checked all the same."""
    return config_dict.FieldReference(default, field_type=object)


grid = open_type  # one value or a tuple of values: a tuple is an axis of the grid


def get_config() -> config_dict.ConfigDict:
    """The paper's baseline (MER 2023, sections 3.5 and 3.6) on nobody's features yet."""
    config = config_dict.ConfigDict()
    config.seed = 0  # initial weights, batch order, dropout and folds all follow from it
    config.folds = 5  # cross-validation on train; 0: the corpus's own `val` split validates
    config.repeats = 3  # each with folds, weights and batch order of its own

    config.data = data()

    config.features = features()
    config.frames = frames()

    config.model = config_dict.ConfigDict()
    config.model.fusion = grid("attention")  # attention: the paper's; *_release: its code's

    config.train = config_dict.ConfigDict()
    config.train.epochs = 100  # of every run; the best one on validation is kept
    config.train.batch_size = 32  # labelled clips of a step
    # Least steps of a run, for few labelled clips: its epochs take them again until they have as
    # many together. auto: 1000 where a trial of the grid trains on unlabelled clips, else 0.
    config.train.steps = open_type("auto")
    # Runs side by side: by device and model, or a number, or "measure": a few widths are timed
    # before training and the fastest is recorded.
    config.train.chunk = open_type("auto")
    config.train.segment = 10  # epochs between two looks of the host: progress and checkpoints
    config.train.checkpoint_seconds = 60.0  # least time between two checkpoints of a chunk

    config.train.tensorboard = True  # curves and hyper-parameters as events in DIR/tensorboard

    # The metric that chooses each run's epoch and the trial; empty: the task's own (com, dis, dim;
    # of data.targets f1_ccc or ccc).
    config.train.selection = ""

    config.train.views = grid("")  # augmentation, such as "noise 0.1, modality_dropout 0.3"

    config.semi = config_dict.ConfigDict()
    # "", fixmatch, flexmatch, freematch, softmatch, pseudo_label, graph; the pool: clips without
    # labels. auto: "", graph, pseudo_label and freematch are trials of the grid, and a method is
    # used if cross-validation on the labelled clips says that it helps by more than chance.
    config.semi.method = grid("")

    # The test clips are in the pool as well, without their labels: where a challenge allows it.
    config.semi.transductive = False

    # A fusion's own settings (model.hidden, train.dropout) are declared beside it, with defaults,
    # and so are the semi-supervised methods' (semi.threshold) in mer_jax/semi/ and the optimiser's
    # (train.learning_rate, train.clip_norm) in mer_jax/training/optimizer.py and the loss's
    # (train.class_weight, train.huber_delta) in mer_jax/training/losses.py.
    declared = (
        FUSIONS.settings().values(),
        optimizer.SETTINGS,
        losses.SETTINGS,
        semi.settings().values(),
    )
    for setting in itertools.chain(*declared):
        config[setting.part][setting.name] = grid(setting.default)

    config.search = config_dict.ConfigDict()
    # Trials drawn at random from the values of the keys with *, instead of every combination; the
    # best in cross-validation is trained anew. 0: off.
    config.search.trials = 0
    config.search.repeats = 6  # of the best trial, with folds and weights of their own

    config.select = config_dict.ConfigDict()
    config.select.eta = 0.8  # --mode=select: quantile of the correct ones' confidence, by class

    config.evaluate = evaluate()

    config.report = True  # report.md, report.html and figures/ after training and evaluating

    config.table = table()
    return config


def features() -> config_dict.ConfigDict:
    """The feature set of each modality."""
    config = config_dict.ConfigDict()
    # A folder's name under features/; empty: no such modality. attention_topn takes several: "a,b".
    config.audio = ""
    config.text = ""  # the same for text
    config.video = ""  # the same for video
    # Sets of corrupted clips: 5 takes train and validation from hubert-5-UTT for hubert-UTT.
    config.train_snr = ""
    config.test_snr = ""  # the same for the test splits
    # What models are given: utterance, one vector a clip, frames averaged; frames; auto: what the
    # fusion takes first.
    config.level = "auto"
    config.all = False  # --mode=build: every set in the folder, not these alone
    return config


def frames() -> config_dict.ConfigDict:
    """What a model that takes frames is given of them (config.features.level)."""
    config = config_dict.ConfigDict()
    # Whether audio and video have the frames of the clip's own text: text, none; auto: text where
    # the fusion reads all modalities frame by frame (mfn, graph_mfn, mfm, mctn, ef_lstm) and there
    # is one.
    config.align = "auto"
    config.scale = 1  # frames that are averaged into one; MERBench: 6 aligned, 12 unaligned
    # mask: padding is behind a clip and reaches nothing; release: zeros in front that count as
    # frames, up to the longest clip of the split.
    config.padding = "mask"
    # Lengths of training batches: clips of like length share one, so that short clips do not pay
    # for the longest; 1: batches of any clips, as long as the longest of all.
    config.buckets = 3
    return config


def data() -> config_dict.ConfigDict:
    """The corpus, and how its labels are read."""
    config = config_dict.ConfigDict()
    config.corpus = "mer2023"  # which corpus data.root holds; table: as its clips.csv says
    # What is predicted: auto (all that the corpus has and train has labels for), both, emotion,
    # valence.
    config.task = "auto"
    config.root = ""  # the folder with the label file and features/
    # Other corpora with their folders, "sims=my_sims", whose test clips the model of this one is
    # tested on too; labels become those that they share.
    config.test_corpora = ()
    config.tfds_dir = ""  # where built datasets lie; empty: a folder of root's own in TFDS's
    # False; True: by column, with each training fold's own mean and deviation; all: with those of
    # train and pool together; group: each speaker's (video's, dialogue's) clips by their own.
    config.standardise = open_type(False)
    config.device_bytes = 0  # features beyond it stream from the host; 0: half the memory
    # Of train, by class; the rest's labels are hidden. Above 1: so many clips of each class.
    config.labelled_fraction = 1.0
    config.labelled_per_class = 0  # instead: exactly so many clips of each class; 0: off
    # Whole groups of clips in one fold: the speakers of clips.csv, or videos or dialogues where
    # names tell them. auto: those of clips.csv alone.
    config.group_folds = open_type("auto")
    # corpus=table: its classes in the order of their indices; empty: train's, sorted by name.
    config.classes = ()
    config.valence_range = ()  # corpus=table: lowest and highest; empty: those of train
    # corpus=table: columns of numbers to predict in place of the valence, which may be one of them;
    # auto: every column of numbers.
    config.targets = ()
    # corpus=table: whether the sign of its valence is judged, as that of a sentiment is.
    config.signed = False
    # The class of valence 0 where valences tell it: positive; negative as CH-SIMS has it; drop.
    config.zero_valence = "positive"
    # Labels of test splits that look like placeholders for clips which nobody labelled: auto
    # decides by split and says so in the log; unlabelled: they are; labels: they are true.
    config.placeholders = "auto"
    config.bad = "error"  # files that are no features: error, drop (leaves the clip out)
    # A labelled clip that a feature set lacks: error, drop (leaves it out), zero (fills in zeros).
    config.missing = "error"
    config.synthetic = config_dict.ConfigDict()
    config.synthetic.seed = 0  # of the embedded corpus's content
    config.synthetic.pool = 500  # its unlabelled clips (MER-SEMI has 73,148)
    return config


def evaluate() -> config_dict.ConfigDict:
    """Predictions and scores."""
    config = config_dict.ConfigDict()
    config.batch_size = 4096  # clips predicted at once
    config.bootstrap = 1000  # resamples of the clips for 95 % intervals; 0: none
    config.probabilities = False  # predictions with a column for each class as well
    # Of a grid: best, its best trial alone; mean, greedy or stacking: all trials together as well,
    # in ensemble.json and further files of predictions, as --mode=ensemble has them.
    config.ensemble = "best"
    config.calibrate = False  # probabilities at the temperature that fits the clips out of fold
    # Emotion and valence decoded together: each speaks of the other as it does out of fold.
    config.joint_decoding = False
    config.metrics = ()  # shown of each run; empty: those that training computes
    return config


def table() -> config_dict.ConfigDict:
    """A table of trainings: its rows, and what it shows."""
    config = config_dict.ConfigDict()
    # A training each, "audio HuBERT-large, text MacBERT-large": the paper's names of feature sets,
    # or folders under features/. Empty: no table, the one training of config.features.
    config.rows = ()
    # Instead of rows, corpora with their folders, "cmumosi=my_mosi, meld=my_meld": each is trained
    # and tested on the others.
    config.corpora = ""
    # With table.corpora: fusions, of which each is searched on each corpus.
    config.algorithms = ()
    # Your folders for the paper's names, "HuBERT-large=my_hubert, MANet-RAFDB=my_faces"; without
    # one a set is looked for as its release calls it (mer_jax/published.py).
    config.aliases = ""
    config.unimodal_fusion = "unimodal"  # of rows with one modality; others: model.fusion
    # Of table.md and table.tex, where there are scores of them; table.csv has all.
    config.metrics = ("dis", "dim", "com", "sign_f1")
    return config
