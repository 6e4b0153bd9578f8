"""What the workdir of one training holds, as a row of a table."""

from ml_collections import ConfigDict

from mer_jax import published
from mer_jax.config import rows
from mer_jax.corpora import SYNTHETIC
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError
from mer_jax.evaluation import results as results_lib
from mer_jax.evaluation.table import Entry
from mer_jax.workdir import Workdir

FAILED, DAMAGED = "failed: ", "damaged: "  # how the notes of rows begin that went wrong


def aliases_of(config: ConfigDict) -> dict[str, str]:
    """The folders of a config for the paper's names of feature sets."""
    return rows.parse_aliases(config.table.aliases, "config.table.aliases")


def with_results(entry: Entry, workdir: Workdir) -> tuple[Entry, ConfigDict | None]:
    """The entry with what a workdir holds, and the workdir's config; a note where it is damaged."""
    saved = results = None
    try:
        if workdir.has_config:
            saved = workdir.config()
            features = corpus_lib.modalities(saved)
            entry = entry._replace(
                features=features,
                published=published.find(features, aliases_of(saved), saved.data.corpus),
                synthetic=saved.data.corpus == SYNTHETIC,
            )
        if saved is not None and workdir.has_results:
            results = workdir.results(workdir.task_of(saved))
    except InputError as error:
        return entry._replace(note=f"{DAMAGED}{error}"), saved
    if results is None:
        return entry._replace(note=entry.note or "not trained yet"), saved
    failed = sum(run["status"] != results_lib.OK for run in results["runs"])
    note = f"{failed} of {len(results['runs'])} runs failed" if failed else ""
    return entry._replace(results=results, note=entry.note or note), saved
