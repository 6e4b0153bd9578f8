"""Every command and the Python of docs/scoring.md runs on the files that the page shows."""

import pathlib
import re
import shlex

from tests.support import scoring
from tests.support.stub_server import ranks, serving

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "scoring.md"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    for name, content in re.findall(
        r"^`(\S+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL | re.MULTILINE
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    joined = re.sub(r"\\\n\s*", "", text)
    commands = re.findall(r"^    python -m mer_jax\.main (.*)$", joined, re.MULTILINE)
    with serving(lambda *_: ranks(["happy"], ["sad"])) as stub:
        for command in commands:
            scoring.run(*shlex.split(command.replace("http://localhost:8000/v1", stub.url)))
    shown = capsys.readouterr().out
    assert "2 answered" in shown
    assert shown.count("75.00") >= 3  # accuracy, recall and average of the worked example
    modes = {re.match(r"--mode=(\w+)", command)[1] for command in commands}
    assert modes == {"score_open", "group_words", "score_responses", "ask", "score_preference",
                     "score_deepfake", "annotate"}  # fmt: skip
    (row,) = scoring.read_csv(tmp_path / "made.csv")
    assert (row["discrete"], row["valence"]) == ("angry", "-2.5")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
