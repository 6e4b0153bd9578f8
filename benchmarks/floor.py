"""The least that a run-epoch of the paper's model can take here: its products and its bytes.

    python benchmarks/floor.py --hidden=128 --width=15

The products are those of the encoders, forward and weight gradient, of one step of `width` runs,
timed alone (over 99 % of a step's arithmetic; validation is left out). The bytes are the 36
that a step of Adam with L2 moves for a parameter: 4 to read it forward, 4 to write its gradient,
16 to read gradient, parameter and both moments in the update, 12 to write the last three; moved
at the faster of two rates: of copying arrays that no cache holds, and of copying again and again
as much as a chunk keeps, which a cache may hold. Prints JSON.
"""

import argparse
import concurrent.futures
import json
import math
import statistics
import time

import corpus
import jax
import jax.numpy as jnp
import numpy as np

from mer_jax import environment

_BYTES_PER_PARAMETER = 36
_KEPT_PER_PARAMETER = 16  # parameter, gradient, both moments: what a step goes through
_LEAST_COPIED = 64_000_000  # bytes of a timed copy: smaller arrays are copied several times
_BATCH = 32
_FOLDS = 5
_HEADS = 7  # six logits and a valence
# The same products with either matrix laid out either way: the faster one counts.
_FORWARD = {"dh": "rbd,rdh->rbh", "hd": "rbd,rhd->rbh"}
_GRADIENT = {"dh": "rbd,rbh->rdh", "hd": "rbh,rbd->rhd"}


def products(width: int, size: int, hidden: int, calls: int) -> float:
    """Seconds of one step's products of `width` runs, in the faster layouts."""
    modalities = len(corpus.SETS)
    rng = np.random.default_rng(0)

    def arrays(*shape):
        return [
            jnp.asarray(rng.standard_normal(shape, dtype=np.float32)) for _ in range(modalities)
        ]

    x, h = arrays(width, _BATCH, size), arrays(width, _BATCH, hidden)
    by_layout = {"dh": arrays(width, size, hidden), "hd": arrays(width, hidden, size)}
    forward = min(
        _seconds(form, (x, by_layout[layout]), arrays(width, _BATCH, hidden), calls)
        for layout, form in _FORWARD.items()
    )
    gradient = min(
        _seconds(
            form, (x, h) if layout == "dh" else (h, x), arrays(*by_layout[layout][0].shape), calls
        )
        for layout, form in _GRADIENT.items()
    )
    return forward + gradient


def _seconds(form: str, operands, out, calls: int) -> float:
    """The median call. The results of a call go where the last ones were: no new memory."""

    def step(left, right, out):
        del out
        return [jnp.einsum(form, a, b) for a, b in zip(left, right, strict=True)]

    compiled = jax.jit(step, donate_argnums=2, keep_unused=True)
    spent = []
    for _ in range(calls + 1):
        start = time.perf_counter()
        out = jax.block_until_ready(compiled(*operands, out))
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])  # the first call compiles


def copy_rate(size: int, calls: int) -> float:
    """Bytes read and written a second in copying an array of `size` bytes, by the faster way."""
    count = size // 4
    times = max(1, _LEAST_COPIED // size)
    if jax.default_backend() != "cpu":
        copy = jax.jit(lambda x: x + 1)
        x = jnp.zeros(count)

        def repeated():
            for _ in range(times):
                copied = copy(x)
            return jax.block_until_ready(copied)

        return 8 * count * times / _median(repeated, calls)
    source, target = np.ones(count, np.float32), np.zeros(count, np.float32)
    rates = []
    for threads in {1, environment.cores()}:
        parts = list(
            zip(np.array_split(source, threads), np.array_split(target, threads), strict=True)
        )
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:

            def copy_part(part):
                for _ in range(times):
                    np.copyto(part[1], part[0])

            def copy_all(pool=pool, parts=parts, copy_part=copy_part):
                return list(pool.map(copy_part, parts))

            rates.append(8 * count * times / _median(copy_all, calls))
    return max(rates)


def _median(call, calls: int) -> float:
    call()
    spent = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def parameters(size: int, hidden: int) -> int:
    """Of the paper's model: encoders, attention, heads."""
    modalities = len(corpus.SETS)
    encoders = modalities * (size * hidden + hidden)
    return encoders + hidden + modalities + _HEADS * (hidden + 1)


def main():
    """Prints the floor of a run-epoch of each size, and what it is made of."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=corpus.COUNTS[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--hidden", default="128,256")
    parser.add_argument("--width", default="15,15", help="runs side by side, for each hidden size")
    parser.add_argument("--megabytes", type=int, default=512, help="of the array that is copied")
    parser.add_argument("--calls", type=int, default=30)
    arguments = parser.parse_args()
    of_memory = copy_rate(arguments.megabytes * 1_000_000, min(arguments.calls, 7))
    steps = math.ceil((arguments.clips - arguments.clips // _FOLDS) / _BATCH)
    sizes = []
    for hidden, width in zip(
        map(int, arguments.hidden.split(",")), map(int, arguments.width.split(",")), strict=True
    ):
        step_products = products(width, arguments.size, hidden, arguments.calls) / width
        of_run = parameters(arguments.size, hidden)
        # Half of it is read and half written, as a step does.
        of_kept = copy_rate(_KEPT_PER_PARAMETER * of_run * width // 2, min(arguments.calls, 7))
        step_bytes = _BYTES_PER_PARAMETER * of_run / max(of_memory, of_kept)
        flops = 4 * _BATCH * arguments.size * hidden * len(corpus.SETS)
        sizes.append(
            {
                "hidden": hidden,
                "width": width,
                "run_epoch_s": steps * (step_products + step_bytes),
                "products_s": steps * step_products,
                "bytes_s": steps * step_bytes,
                "gflop_per_s": flops / step_products / 1e9,
                "kept_gb_per_s": of_kept / 1e9,
            }
        )
    print(json.dumps({"sizes": sizes, "copy_gb_per_s": of_memory / 1e9}))


if __name__ == "__main__":
    main()
