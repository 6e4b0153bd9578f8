"""The paper's figures: as printed, consistent with Eq. 12, and found for every row of configs/."""

import pathlib

import pytest

from mer_jax import config as config_lib
from mer_jax import published, published_merbench
from mer_jax.config import rows
from mer_jax.corpora import MER2023
from mer_jax.task import MODALITIES


def rows_of(file):
    config = config_lib.check(config_lib.load_file(str(config_lib.CONFIGS / file)))
    return [rows.parse(text, file) for text in config.table.rows]


@pytest.mark.parametrize(
    ("features", "split", "printed"),
    [  # read off the paper's pages
        ({"audio": "eGeMAPS"}, "cross-validation", (17.48, 1.31, 6.66, 1.79, -1.49, 0.46)),
        ({"audio": "wav2vec 2.0-base"}, "mer_noise", (32.44, 0.96, 2.04, 0.01, -0.18, 0.01)),
        ({"text": "XLNet-base"}, "mer_multi", (45.08, 1.97, 2.28, 0.01, -0.12, 0.02)),
        ({"video": "MANet-RAFDB"}, "mer_multi", (56.19, 0.28, 1.48, 0.02, 0.19, 0.01)),
        (
            {"audio": "HuBERT-large", "text": "MacBERT-large", "video": "ResNet-FER2013"},
            "mer_multi",
            (77.57, 0.40, 0.88, 0.01, 0.56, 0.00),
        ),
        (
            {"audio": "HuBERT-large", "text": "RoBERTa-large", "video": "ResNet-FER2013"},
            "mer_noise",
            (68.58, 0.69, 1.12, 0.05, 0.41, 0.01),
        ),
        ({"audio": "HuBERT-base", "video": "MANet-RAFDB"}, "mer_semi", (83.93, 0.12)),
        ({"audio": "HuBERT-large", "video": "MANet-RAFDB"}, "mer_semi", (86.75, 0.12)),
    ],
)
def test_figures_in_the_units_of_results(features, split, printed):
    percent = (100, 1, 1)
    assert published.find(features)[split] == {
        metric: pytest.approx((mean / unit, std / unit))
        for metric, unit, mean, std in zip(
            ("dis", "dim", "com"), percent, printed[::2], printed[1::2], strict=False
        )
    }


def test_com_is_dis_minus_a_quarter_of_dim():
    """Eq. 12, of means as printed: a figure typed wrongly would stand out."""
    for row in rows_of("table2.py") + rows_of("table3.py"):
        for split, scores in published.find(dict(row.features)).items():
            if split != "mer_semi":
                dis, dim, com = (scores[metric][0] for metric in ("dis", "dim", "com"))
                assert com == pytest.approx(dis - 0.25 * dim, abs=0.0065), (row.label, split)


@pytest.mark.parametrize(("file", "count"), [("table2.py", 27), ("table3.py", 28)])
def test_every_row_of_the_configs_is_found_by_name_and_by_folder(file, count):
    found = rows_of(file)
    assert len(found) == len({row.folder for row in found}) == count
    for row in found:
        by_name = published.find(dict(row.features))
        folders = {m: rows.folders(name, {})[0] for m, name in row.features}
        assert list(by_name) == ["cross-validation", "mer_multi", "mer_noise", "mer_semi"]
        assert published.find(folders) == by_name
        assert set(folders.values()).isdisjoint(dict(row.features).values())


@pytest.mark.parametrize(
    ("file", "split", "metric", "printed"),
    [
        ("mer_multi.py", "mer_multi", "com", 0.56),
        ("mer_noise.py", "mer_noise", "com", 0.41),
        ("mer_semi.py", "mer_semi", "dis", 0.8675),
    ],
)
def test_the_challenges_configs_are_the_papers_best_rows(file, split, metric, printed):
    features = config_lib.load_file(str(config_lib.CONFIGS / file)).features
    found = published.find({modality: features[modality] for modality in MODALITIES})
    assert found[split][metric][0] == printed


def test_rows_have_figures_of_their_own():
    every = [published.find(dict(r.features)) for r in rows_of("table2.py") + rows_of("table3.py")]
    distinct = [a for i, a in enumerate(every) if a not in every[:i]]
    assert len(distinct) == 27 + 28 - 7  # seven of Table 3 have one modality
    assert set(every[0]) - {"cross-validation"} == set(MER2023.splits) - {"train", "unlabelled"}


def test_an_absent_modality_and_an_alias():
    known = published.find({"audio": "HuBERT-large"})
    assert published.find({"audio": "chinese-hubert-large-UTT", "text": "", "video": ""}) == known
    aliases = {"HuBERT-large": "my_hubert"}
    assert published.find({"audio": "my_hubert"}, aliases) == known
    assert published.find({"audio": "my_hubert"}) is None


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"audio": "mine"},
        {"text": "HuBERT-large"},  # under another modality than the paper's
        {"audio": "HuBERT-large", "text": "mine"},
        {"audio": "IS09", "text": "MacBERT-large"},  # no row of either table
    ],
)
def test_what_the_paper_has_no_row_for(features):
    assert published.find(features) is None


def test_another_corpus_has_no_published_figures():
    features = {"audio": "chinese-hubert-large-UTT"}
    assert published.find(features, corpus="mer2023") == published.find(features)
    assert published.find(features, corpus="synthetic") == published.find(features)
    assert published.find(features, corpus="sims") is None


def test_merbenchs_figures_are_those_of_the_page():
    """The page's table and the program's were typed one by one."""
    page = pathlib.Path(__file__).parents[1] / "docs" / "merbench.md"
    lines = page.read_text().partition("## Published figures")[2].splitlines()
    header, _, *rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    called = {"CMU-MOSI": "cmumosi", "CH-SIMS": "sims", "MER 2023": "mer2023"}
    fusions = [name.lower() for name in header]
    for corpus, *cells in rows:
        found = [published_merbench.f1(fusion, called[corpus]) for fusion in fusions]
        assert found == [pytest.approx(float(cell) / 100) for cell in cells]
    assert len(rows) == 3
    assert published_merbench.f1("lmf", "sims") is None
    assert published_merbench.f1("tfn", "meld") is None
