"""The PyTorch models that others are compared with reproduce the release's numbers themselves."""

import itertools
import json
import pathlib

import numpy as np
import pytest

from tests.support import torch_zoo

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "merbench_golden"
FILES = sorted(path for path in GOLDEN.glob("*.npz") if path.stem != "frame_pipeline")

pytestmark = pytest.mark.skipif(not FILES, reason="the golden files are not beside this checkout")


def tensors(content, kind, torch):
    """The arrays below `kind/` by name, floats in float64."""
    found = {k.partition("/")[2]: content[k] for k in content.files if k.startswith(f"{kind}/")}
    return {
        name: torch.tensor(x, dtype=torch.float64 if x.dtype.kind == "f" else None)
        for name, x in found.items()
    }


def made(zoo, content, torch):
    """The file's model in float64, in evaluation mode, with its weights."""
    config = json.loads(str(content["config"]))
    model = zoo.ALGORITHMS[config["algorithm"]](config["config"]).double().eval()
    model.load_state_dict(tensors(content, "param", torch))
    frozen = tensors(content, "frozen", torch)
    if frozen:
        for name, network in model.graph_mfn.networks.items():
            prefix = f"graph_mfn.networks.{name}."
            own = {k.removeprefix(prefix): x for k, x in frozen.items() if k.startswith(prefix)}
            network.double().load_state_dict(own)
    noise = tensors(content, "noise", torch)
    drawn = (noise[str(i)] for i in itertools.count())
    model.noise = lambda _: next(drawn)
    return model, config["steps"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reproduces_the_release(path):
    zoo = torch_zoo.load()
    import torch

    with np.load(path) as content:
        model, steps = made(zoo, content, torch)
        batch, targets = (tensors(content, kind, torch) for kind in ("input", "target"))
        result = model(batch)
        expected = tensors(content, "output", torch)
        near = {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(result.features.detach(), expected["features"], **near)
        np.testing.assert_allclose(result.emotion.detach(), expected["emos_out"], **near)
        np.testing.assert_allclose(result.valence.detach(), expected["vals_out"], **near)
        np.testing.assert_allclose(result.own_loss.detach(), expected["interloss"], **near)
        (sum((x**2).sum() for x in result[:3]) + result.own_loss).backward()
        for name, gradient in tensors(content, "grad", torch).items():
            of_ours = dict(model.named_parameters())[name].grad
            if of_ours is not None:
                np.testing.assert_allclose(of_ours, gradient, rtol=1e-9, atol=1e-11, err_msg=name)
        optimizer = torch.optim.Adam(model.parameters(), lr=steps["lr"], weight_decay=steps["l2"])
        for before in content["steps/losses"]:
            optimizer.zero_grad()
            valence = targets["vals"].reshape(len(targets["vals"]), -1)
            loss = zoo.loss_of(model(batch), targets["emos"], valence)
            np.testing.assert_allclose(loss.item(), before, rtol=1e-10)
            loss.backward()
            if steps["clip_value"] > 0:
                torch.nn.utils.clip_grad_value_(model.parameters(), steps["clip_value"])
            optimizer.step()
