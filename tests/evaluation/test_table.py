"""One table of many runs: what is bold, what stands beside it, and every form against a text."""

import csv
import io

import pytest

from mer_jax.evaluation import table
from mer_jax.evaluation.table import Entry
from mer_jax.evaluation.terminal import SYNTHETIC_NOTICE

METRICS = ("dis", "dim", "com")
HUBERT = {
    "cross-validation": {"dis": (0.6567, 0.0054), "dim": (1.27, 0.03), "com": (0.34, 0.01)},
    "mer_semi": {"dis": (0.8511, 0.0007)},
}


def results(dis, dim, com, semi):
    def score(mean, std=0.01):
        return {"mean": mean, "std": std, "values": []}

    return {
        "cross_validation": {"dis": score(dis), "acc": score(0.7), "dim": score(dim),
                             "com": score(com, None)},
        "test": {"mer_semi": {"dis": score(semi), "acc": None, "dim": None, "com": None}},
        "runs": [{"status": "ok"}],
    }  # fmt: skip


@pytest.fixture
def entries():
    one = Entry("HuBERT-large", {"audio": "h_UTT"}, results(0.66, 1.3, -0.05, 0.8), HUBERT)
    other = Entry(
        "mine_1|&",
        {"text": "t", "text_2": "u"},
        results(0.6, 1.2, -0.04, 0.9),
        None,
        settings="a 1",
    )
    absent = Entry("HuBERT-base", {"audio": "x"}, None, HUBERT, note="missing: x")
    return [one, other, absent]


def test_markdown(entries):
    assert table.markdown(entries, METRICS).splitlines() == [
        "|  | cross-validation Dis (↑) | cross-validation Dim (↓) | cross-validation Com (↑) "
        "| mer_semi Dis (↑) |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| HuBERT-large | **66.00±1.00** (65.67±0.54) | 1.30±0.01 (1.27±0.03) "
        "| -0.05 (0.34±0.01) | 80.00±1.00 (85.11±0.07) |",
        "| mine_1\\|& (a 1) | 60.00±1.00 | **1.20±0.01** | **-0.04** | **90.00±1.00** |",
        "| HuBERT-base (missing: x) | - (65.67±0.54) | - (1.27±0.03) | - (0.34±0.01) "
        "| - (85.11±0.07) |",
        "",
        "Mean ± deviation over the repeats, F1 and accuracy in %; the best of each column in bold.",
        "In brackets: Lian et al. 2023, Tables 2 and 3.",
    ]


def test_latex(entries):
    assert table.latex(entries, ("com", "dis")).splitlines() == [
        r"% needs \usepackage{booktabs} and \usepackage{graphicx}",
        r"\begin{table*}",
        r"\centering",
        r"\caption{Mean $\pm$ deviation over the repeats, F1 and accuracy in \%; the best of each "
        r"column in bold. In brackets: Lian et al. 2023, Tables 2 and 3.}",
        r"\resizebox{\textwidth}{!}{%",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{cross-validation} & \multicolumn{1}{c}{mer\_semi} \\",
        r"\cmidrule(lr){2-3} \cmidrule(lr){4-4}",
        r" & Com ($\uparrow$) & Dis ($\uparrow$) & Dis ($\uparrow$) \\",
        r"\midrule",
        r"HuBERT-large & $-$0.05 {\scriptsize (0.34$\pm$0.01)} & \textbf{66.00$\pm$1.00} "
        r"{\scriptsize (65.67$\pm$0.54)} & 80.00$\pm$1.00 {\scriptsize (85.11$\pm$0.07)} \\",
        r"mine\_1|\& (a 1) & \textbf{$-$0.04} & 60.00$\pm$1.00 & \textbf{90.00$\pm$1.00} \\",
        r"HuBERT-base (missing: x) & - {\scriptsize (0.34$\pm$0.01)} & - "
        r"{\scriptsize (65.67$\pm$0.54)} & - {\scriptsize (85.11$\pm$0.07)} \\",
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table*}",
    ]


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("50%_#1 {a}$", r"50\%\_\#1 \{a\}\$"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        ("a\\b", r"a\textbackslash{}b"),
    ],
)
def test_latex_special_characters(entries, name, escaped):
    lines = table.latex([entries[0]._replace(label=name)], METRICS).splitlines()
    assert lines[11].startswith(f"{escaped} & ")


def test_csv_has_every_metric_in_the_units_of_results(entries):
    header, rows = table.csv_rows(entries)
    written = io.StringIO()
    csv.writer(written).writerows([header, *rows])
    read = list(csv.DictReader(io.StringIO(written.getvalue())))
    ours, other, absent = read
    assert [row["row"] for row in read] == ["HuBERT-large", "mine_1|&", "HuBERT-base"]
    assert (ours["audio"], ours["text"], other["text"], other["settings"]) == (
        "h_UTT", "", "t,u", "a 1"
    )  # fmt: skip
    assert float(ours["cross-validation dis"]) == 0.66
    assert float(ours["cross-validation dis published std"]) == 0.0054
    assert ours["cross-validation com std"] == ""
    assert float(ours["cross-validation acc"]) == 0.7
    assert other["cross-validation dis published"] == ""
    assert (absent["note"], absent["mer_semi dis"]) == ("missing: x", "")
    assert float(absent["mer_semi dis published"]) == 0.8511
    assert "cross-validation acc published" not in header  # the paper has none
    assert not any(name.startswith("mer_semi com") for name in header)  # nobody has one


def test_text_shows_what_matters_most(entries):
    lines = table.text(entries, METRICS).splitlines()
    assert lines[0].split() == ["cross-validation", "Com", "(↑)", "mer_semi", "Dis", "(↑)"]
    assert lines[2].split() == [
        "HuBERT-large",
        "-0.05",
        "(0.34±0.01)",
        "80.00±1.00",
        "(85.11±0.07)",
    ]
    assert lines[3].split()[-2:] == ["*-0.04", "*90.00±1.00"]
    assert lines[5].endswith("the best of each column after a *.")


def test_scores_of_the_synthetic_corpus_are_marked(entries):
    marked = [entry._replace(synthetic=True) for entry in entries]
    for form in (table.markdown, table.latex, table.text):
        assert SYNTHETIC_NOTICE in form(marked, METRICS)
        assert SYNTHETIC_NOTICE not in form(entries, METRICS)
        mixed = form([marked[0], entries[1]], METRICS)
        assert "Of the synthetic corpus, beside all others: HuBERT-large." in mixed
    header, rows = table.csv_rows([marked[0], entries[1]])
    assert [row[header.index("corpus")] for row in rows] == ["synthetic", ""]
