"""A graph that joins each clip to its nearest neighbours, and labels that spread over it.

Letters: N clips of the graph, D values of a clip, C classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int32

from mer_jax.data.rows import Frames, Rows

_STEPS = 100  # of spreading: a label comes as far as so many neighbours, and by then is even
Joined = Any  # a sparse matrix of SciPy [N, N], which is loaded where it is used


def side_by_side(
    parts: Sequence[dict[str, Rows]], standardised: bool
) -> Float32[np.ndarray, "N D"]:
    """The clips of several parts, one after another, with their modalities side by side.

    Each modality has the same share in the distances between clips, whatever its width and scale:
    its columns' variances sum to 1. `standardised` gives its columns one variance each before.
    Frames are averaged.
    """
    blocks = []
    for modality in parts[0]:
        rows = [part[modality] for part in parts]
        x = np.concatenate([x.vectors if isinstance(x, Frames) else np.asarray(x) for x in rows])
        x = x - x.mean(0, dtype=np.float64).astype(np.float32)
        deviation = x.std(0, dtype=np.float64).astype(np.float32)
        if standardised:
            x /= np.where(deviation > 0, deviation, 1)
            deviation = (deviation > 0).astype(np.float32)
        x /= max(float(np.sqrt((deviation**2).sum())), 1e-12)
        blocks.append(x)
    return np.concatenate(blocks, axis=1)


def nearest(x: Float32[np.ndarray, "N D"], count: int) -> Int32[np.ndarray, "N k"]:
    """The rows of each clip's nearest other clips by Euclidean distance, the nearest first.

    As many as `count`, or all others. Found exactly, block by block: N x N distances are never held
    at once.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count, len(x) - 1), algorithm="brute").fit(x)
    return search.kneighbors(return_distance=False).astype(np.int32)


def join(near: Int32[np.ndarray, "N k"]) -> Joined:
    """Joins each clip to its nearest ones: D^-1/2 W D^-1/2 [N, N].

    W is 1 where one of two clips is among the neighbours of the other, and 2 where each is.
    """
    import scipy.sparse as sp

    count, of_each = near.shape
    place = np.arange(0, count * of_each + 1, of_each)
    ones = np.ones(count * of_each, np.float32)
    chosen = sp.csr_array((ones, near.ravel(), place), shape=(count, count))
    weight = (chosen + chosen.T).tocsr()
    degree = np.sqrt(np.asarray(weight.sum(1)).ravel())
    scale = sp.diags_array(1 / np.maximum(degree, 1)).tocsr()
    return (scale @ weight @ scale).tocsr()


def spread(
    joined: Joined, label: Float[np.ndarray, "N C"], alpha: float
) -> Float32[np.ndarray, "N C"]:
    """Each clip's classes, summing to 1: F <- alpha S F + (1 - alpha) Y from F = Y.

    Zhou et al., NeurIPS 2003, "Learning with local and global consistency". `label` is Y: 1 at the
    class of a labelled clip, 0 elsewhere. Clips that no label reaches get all classes alike.
    """
    label = label.astype(np.float32)
    found = label
    for _ in range(_STEPS):
        found = np.float32(alpha) * (joined @ found) + np.float32(1 - alpha) * label
    return _shares(found)


def balanced(
    share: Float32[np.ndarray, "N C"], label: Float[np.ndarray, "N C"]
) -> Float32[np.ndarray, "N C"]:
    """Each clip's classes after class mass normalisation, summing to 1.

    Zhu, Ghahramani and Lafferty, ICML 2003, sec. 4: over all clips each class has as much as its
    share of the labels, counted with one label of each class more: one label or two of a class say
    little of how frequent it is. Without this a class whose label lies in the middle of the graph
    takes the clips of others. Clips that are of all classes alike stay so.
    """
    count_C = label.sum(0) + 1
    mass_C = share.sum(0)
    scale_C = count_C / count_C.sum() / np.where(mass_C > 0, mass_C, 1)
    reached_Nx1 = np.ptp(share, axis=1, keepdims=True) > 0
    return np.where(reached_Nx1, _shares(share * scale_C.astype(np.float32)), share)


def _shares(found: Float32[np.ndarray, "N C"]) -> Float32[np.ndarray, "N C"]:
    """Each row over its sum; of a row of zeros all classes alike."""
    total = found.sum(1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / found.shape[1])
