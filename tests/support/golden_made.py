"""Golden data that a test makes itself, by the algorithms in PyTorch, in float64."""

import numpy as np

from tests.support import torch_zoo
from tests.support.golden import Golden

SIZES = {"audio": 3, "text": 4, "video": 5}
ROWS, FRAMES, STEPS, DRAWS, CLASSES = 4, 5, 5, 4, 3
RATE, DECAY, SPREAD = 1e-3, 1e-5, 0.1
# Other values than the golden files have; what an algorithm does not read is of no effect.
COMMON = {
    **{f"{m}_dim": size for m, size in SIZES.items()},
    "output_dim1": CLASSES, "output_dim2": 1, "dropout": 0.0, "hidden_dim": 6, "grad_clip": -1.0,
    "rank": 2, "sim_weight": 0.2, "diff_weight": 0.3, "recon_weight": 0.1, "cpc_layers": 1,
    "alpha": 0.2, "beta": 0.1, "layers": 2, "num_heads": 3, "conv1d_kernel_size": 2, "mem_dim": 5,
    "window_dim": 2, "lda_xl": 0.2, "lda_xa": 0.3, "lda_xv": 0.4, "lda_mmd": 2.0,
    "teacher_forcing_ratio": 0.5, "loss_weight": 0.4, "num_layers": 2,
}  # fmt: skip
OF_FRAMES = ("mult", "mfn", "graph_mfn", "mfm", "mctn", "ef_lstm")
ALGORITHMS = ("attention", "lmf", "tfn", "misa", "mmim", "lf_dnn", "attention_topn", *OF_FRAMES)


def made(algorithm: str, frames: bool = False) -> Golden:
    """What the algorithm gives for random weights and input; skips the test without torch.

    `frames` gives encoders of frames to an algorithm that takes vectors as well.
    """
    zoo = torch_zoo.load()
    import torch

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    frames |= algorithm in OF_FRAMES
    config = {**COMMON, "feat_type": "frm_align" if frames else "utt"}
    inputs = {f"{m}s": size for m, size in SIZES.items()}
    if algorithm == "attention_topn":
        config["audio_dim"] = [3, 4, 5, 2]
        inputs = {f"feat{i}": size for i, size in enumerate(config["audio_dim"])}
    model = zoo.ALGORITHMS[algorithm](config).double().eval()
    frozen = {}
    for name, network in getattr(getattr(model, "graph_mfn", None), "networks", {}).items():
        network.double()
        for key, x in network.named_parameters():
            frozen[f"graph_mfn.networks.{name}.{key}"] = x
    named = dict(model.named_parameters()) | frozen
    with torch.no_grad():
        for x in named.values():
            x.add_(SPREAD * torch.randn_like(x))
    shape = (ROWS, FRAMES) if frames else (ROWS,)
    noise = rng.normal(size=((STEPS + 1) * DRAWS, ROWS, config["hidden_dim"]))
    drawn = iter(torch.tensor(noise))
    model.noise = lambda _: next(drawn)
    arrays = {f"input/{key}": rng.normal(size=(*shape, size)) for key, size in inputs.items()}
    if algorithm == "mfm":
        arrays |= {f"noise/{i}": x for i, x in enumerate(noise)}
    arrays["target/emos"] = rng.integers(0, CLASSES, ROWS)
    arrays["target/vals"] = rng.normal(size=ROWS)
    for name, x in named.items():
        kind = "frozen" if name in frozen else "param"
        arrays[f"{kind}/{name}"] = x.detach().numpy().copy()
    batch = {key: torch.tensor(arrays[f"input/{key}"]) for key in inputs}
    result = model(batch)
    squares = sum((x**2).sum() for x in (result.features, result.emotion, result.valence))
    loss = squares + result.own_loss
    loss.backward()
    parts = (result.features, result.emotion, result.valence, result.own_loss, loss)
    names = ("features", "emos_out", "vals_out", "interloss", "loss")
    for name, x in zip(names, parts, strict=True):
        arrays[f"output/{name}"] = x.detach().numpy()
    for name, x in named.items():
        if x.grad is not None:
            kind = "grad_frozen" if name in frozen else "grad"
            arrays[f"{kind}/{name}"] = x.grad.numpy().copy()
    arrays["steps/losses"] = _losses(zoo, torch, model, batch, arrays)
    steps = {"lr": RATE, "l2": DECAY, "clip_value": config["grad_clip"]}
    about = {"algorithm": algorithm, "case": algorithm, "config": config, "steps": steps}
    return Golden({**about, "frames": [FRAMES] * 3 if frames else None}, arrays)


def _losses(zoo, torch, model, batch, arrays) -> np.ndarray:
    """The loss before each step of PyTorch's Adam."""
    adam = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=DECAY)
    emotion = torch.tensor(arrays["target/emos"])
    valence = torch.tensor(arrays["target/vals"])[:, None]
    found = []
    for _ in range(STEPS):
        adam.zero_grad()
        loss = zoo.loss_of(model(batch), emotion, valence)
        found.append(loss.item())
        loss.backward()
        adam.step()
    return np.array(found)
