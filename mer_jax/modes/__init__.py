"""The commands of `python -m mer_jax.main`: a file each, which declares its record as MODE.

A mode imports no other one: what two of them do stands in the room that it is about.
"""

from mer_jax.modes import (
    annotate,
    ask,
    build,
    check,
    collect,
    compare,
    corrupt,
    ensemble,
    evaluate,
    extract,
    group_words,
    predict,
    report,
    score_deepfake,
    score_open,
    score_preference,
    score_responses,
    select,
    table,
    train,
)
from mer_jax.modes.record import Mode

# In the order of --help.
MODES: dict[str, Mode] = {
    module.MODE.name: module.MODE
    for module in (
        collect, extract, corrupt, check, build, train, evaluate, compare, predict, select,
        ensemble, table, report, annotate, ask, score_open, group_words, score_responses,
        score_preference, score_deepfake,
    )
}  # fmt: skip
DEFAULT = train.MODE
