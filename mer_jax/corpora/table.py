"""Anybody's own clips: all that is known of them stands in a CSV, clips.csv."""

from mer_jax.corpora.info import CorpusInfo
from mer_jax.task import Task

# What mer_jax/data/table.py fills in from the file.
TABLE = CorpusInfo(
    name="table", task=Task(), corpora={}, label_files=("clips.csv",), from_file=True
)
