"""MERBench's fusion algorithms in PyTorch, as the field writes them: what is measured against.

Written from the algorithms' equations, with the release's parameter names, so that its state dicts
load. Loops over frames are Python's, recurrent steps are LSTM cells, one model trains at a time.
Each takes `{"audios", "texts", "videos"}`, [B, D] or [B, L, D], and gives a `Result`.
"""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUTS = ("audios", "texts", "videos")


class Result(NamedTuple):
    """What every algorithm gives."""

    features: Tensor  # [B, F]
    emotion: Tensor  # logits [B, K1]
    valence: Tensor  # [B, K2]
    own_loss: Tensor  # a scalar, 0 where the algorithm has none


class MLPEncoder(nn.Module):
    """Dropout of the input, then three dense layers with ReLU."""

    def __init__(self, size: int, hidden: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(size, hidden)
        self.linear_2 = nn.Linear(hidden, hidden)
        self.linear_3 = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[B, D] to [B, H]."""
        x = torch.relu(self.linear_1(self.dropout(x)))
        return torch.relu(self.linear_3(torch.relu(self.linear_2(x))))


class LSTMEncoder(nn.Module):
    """The last state of an LSTM over the frames, dropout, a dense layer."""

    def __init__(self, size: int, hidden: int, dropout: float):
        super().__init__()
        self.rnn = nn.LSTM(size, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] to [B, H]."""
        return self.linear_1(self.dropout(self.rnn(x)[1][0][-1]))


def _mlp(module: nn.Module, name: str, sizes: tuple[int, int, int], dropout: float) -> None:
    """Gives a module the layers NAME_fc1, NAME_fc2 and the dropout between them."""
    setattr(module, f"{name}_fc1", nn.Linear(sizes[0], sizes[1]))
    setattr(module, f"{name}_fc2", nn.Linear(sizes[1], sizes[2]))
    setattr(module, f"{name}_dropout", nn.Dropout(dropout))


def _through(module: nn.Module, name: str, x: Tensor) -> Tensor:
    hidden = torch.relu(getattr(module, f"{name}_fc1")(x))
    return getattr(module, f"{name}_fc2")(getattr(module, f"{name}_dropout")(hidden))


def _head(features: int, outputs: int) -> nn.Linear:
    """A dense layer; torch warns of one without outputs, which a task may lack."""
    with warnings.catch_warnings(action="ignore"):
        return nn.Linear(features, outputs)


class Algorithm(nn.Module):
    """What all have in common: sizes, the two heads, encoders of the three modalities."""

    def __init__(self, config: Mapping[str, Any], features: int):
        super().__init__()
        self.config = config
        self.hidden, self.rate = config["hidden_dim"], config["dropout"]
        self.sizes = [config[f"{m}_dim"] for m in ("audio", "text", "video")]
        self.fc_out_1 = _head(features, config["output_dim1"])
        self.fc_out_2 = _head(features, config["output_dim2"])

    def _make_encoders(self) -> None:
        kind = MLPEncoder if self.config["feat_type"] == "utt" else LSTMEncoder
        for name, size in zip(("audio", "text", "video"), self.sizes, strict=True):
            setattr(self, f"{name}_encoder", kind(size, self.hidden, self.rate))

    def _encoded(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """h of audio, text and video."""
        return (
            self.audio_encoder(batch["audios"]),
            self.text_encoder(batch["texts"]),
            self.video_encoder(batch["videos"]),
        )

    def _result(self, features: Tensor, own_loss: Tensor | None = None) -> Result:
        if own_loss is None:
            own_loss = features.new_zeros(())
        return Result(features, self.fc_out_1(features), self.fc_out_2(features), own_loss)


class Attention(Algorithm):
    """Weights of the modalities from a stack over all of them, without softmax."""

    def __init__(self, config):
        super().__init__(config, config["hidden_dim"])
        self._make_encoders()
        self.attention_mlp = MLPEncoder(3 * self.hidden, self.hidden, self.rate)
        self.fc_att = nn.Linear(self.hidden, 3)

    def forward(self, batch):
        """Section 1 of the release's algorithms."""
        h = self._encoded(batch)
        weights = self.fc_att(self.attention_mlp(torch.cat(h, 1)))
        fused = torch.matmul(torch.stack(h, dim=2), weights.unsqueeze(2)).squeeze(2)
        return self._result(fused)


class AttentionTopN(Algorithm):
    """The same over any number of feature sets, `feat0` and on."""

    def __init__(self, config):
        sizes = config["audio_dim"]
        super().__init__(config, config["hidden_dim"])
        self.count = len(sizes)
        for i, size in enumerate(sizes):
            setattr(self, f"encoder{i}", MLPEncoder(size, self.hidden, self.rate))
        self.attention_mlp = MLPEncoder(self.count * self.hidden, self.hidden, self.rate)
        self.fc_att = nn.Linear(self.hidden, self.count)

    def forward(self, batch):
        """Attention of MER 2024."""
        h = [getattr(self, f"encoder{i}")(batch[f"feat{i}"]) for i in range(self.count)]
        weights = self.fc_att(self.attention_mlp(torch.cat(h, 1)))
        return self._result(torch.matmul(torch.stack(h, dim=2), weights.unsqueeze(2)).squeeze(2))


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x.new_ones(len(x), 1), x], 1)


class LMF(Algorithm):
    """Low-rank Multimodal Fusion (Liu et al. 2018)."""

    def __init__(self, config):
        width = config["hidden_dim"] // 2
        super().__init__(config, width)
        self._make_encoders()
        rank = config["rank"]
        for name in ("audio", "video", "text"):
            factor = torch.empty(rank, self.hidden + 1, width)
            setattr(self, f"{name}_factor", nn.Parameter(nn.init.xavier_normal_(factor)))
        self.fusion_weights = nn.Parameter(nn.init.xavier_normal_(torch.empty(1, rank)))
        self.fusion_bias = nn.Parameter(torch.zeros(1, width))

    def forward(self, batch):
        """The product of the modalities' factors, summed over the rank."""
        audio, text, video = map(_with_one, self._encoded(batch))
        product = (
            torch.matmul(audio, self.audio_factor)
            * torch.matmul(video, self.video_factor)
            * torch.matmul(text, self.text_factor)
        )
        fused = torch.matmul(self.fusion_weights, product.permute(1, 0, 2)).squeeze(1)
        return self._result(fused + self.fusion_bias)


class TFN(Algorithm):
    """Tensor Fusion Network (Zadeh et al. 2017)."""

    def __init__(self, config):
        super().__init__(config, config["hidden_dim"])
        self._make_encoders()
        self.dropout = nn.Dropout(self.rate)
        self.post_fusion_layer_1 = nn.Linear((self.hidden + 1) ** 3, self.hidden)
        self.post_fusion_layer_2 = nn.Linear(self.hidden, self.hidden)

    def forward(self, batch):
        """Two dense layers over the outer product of all three."""
        audio, text, video = map(_with_one, self._encoded(batch))
        outer = torch.bmm(audio.unsqueeze(2), video.unsqueeze(1)).view(len(audio), -1, 1)
        outer = torch.bmm(outer, text.unsqueeze(1)).view(len(audio), -1)
        x = torch.relu(self.post_fusion_layer_1(self.dropout(outer)))
        return self._result(torch.relu(self.post_fusion_layer_2(x)))


def _difference(x: Tensor, y: Tensor) -> Tensor:
    """MISA's loss of two representations that should be orthogonal."""
    x, y = (each - each.mean(0) for each in (x, y))
    x, y = (each / (each.norm(dim=1, keepdim=True).detach() + 1e-6) for each in (x, y))
    return (x.t() @ y).pow(2).mean()


def _cmd(x: Tensor, y: Tensor) -> Tensor:
    """Central moment discrepancy of order 5."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    total = (mean_x - mean_y).pow(2).sum().sqrt()
    for k in range(2, 6):
        moments = (x - mean_x).pow(k).mean(0) - (y - mean_y).pow(k).mean(0)
        total = total + moments.pow(2).sum().sqrt()
    return total


class MISA(Algorithm):
    """Modality-invariant and -specific representations (Hazarika et al. 2020)."""

    LETTERS = "tva"

    def __init__(self, config):
        width = config["hidden_dim"]
        super().__init__(config, width // 2)
        self._make_encoders()
        for m in self.LETTERS:
            project, private, recon = nn.Sequential(), nn.Sequential(), nn.Sequential()
            project.add_module(f"project_{m}", nn.Linear(width, width))
            project.add_module("activation", nn.ReLU())
            project.add_module(f"project_{m}_layer_norm", nn.LayerNorm(width))
            private.add_module(f"private_{m}_{3 if m == 'a' else 1}", nn.Linear(width, width))
            private.add_module("activation", nn.Sigmoid())
            recon.add_module(f"recon_{m}_1", nn.Linear(width, width))
            setattr(self, f"project_{m}", project)
            setattr(self, f"private_{m}", private)
            setattr(self, f"recon_{m}", recon)
        self.shared = nn.Sequential()
        self.shared.add_module("shared_1", nn.Linear(width, width))
        self.shared.add_module("activation", nn.Sigmoid())
        layer = nn.TransformerEncoderLayer(width, nhead=2)
        self.transformer_encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.fusion = nn.Sequential()
        self.fusion.add_module("fusion_layer_1", nn.Linear(6 * width, 3 * width))
        self.fusion.add_module("dropout", nn.Dropout(self.rate))
        self.fusion.add_module("activation", nn.ReLU())
        self.fusion.add_module("fusion_layer_3", nn.Linear(3 * width, width // 2))

    def forward(self, batch):
        """Six tokens, three private and three shared, through a Transformer layer."""
        audio, text, video = self._encoded(batch)
        encoded = {"t": text, "v": video, "a": audio}
        of = {m: getattr(self, f"project_{m}")(x) for m, x in encoded.items()}
        private = {m: getattr(self, f"private_{m}")(x) for m, x in of.items()}
        shared = {m: self.shared(x) for m, x in of.items()}
        rebuilt = {m: getattr(self, f"recon_{m}")(private[m] + shared[m]) for m in of}
        tokens = torch.stack([*private.values(), *shared.values()])
        tokens = self.transformer_encoder(tokens)
        fused = self.fusion(torch.cat(list(tokens), 1))
        pairs = [(private[m], shared[m]) for m in self.LETTERS]
        pairs += [(private[a], private[b]) for a, b in ("at", "av", "tv")]
        difference = sum(_difference(x, y) for x, y in pairs)
        similarity = sum(_cmd(shared[a], shared[b]) for a, b in ("tv", "ta", "av")) / 3
        reconstruction = sum((rebuilt[m] - of[m]).pow(2).mean() for m in of) / 3
        config = self.config
        return self._result(
            fused,
            config["diff_weight"] * difference
            + config["sim_weight"] * similarity
            + config["recon_weight"] * reconstruction,
        )


class _Likelihood(nn.Module):
    """MMIM's lower bound of what one modality tells of another."""

    def __init__(self, width: int):
        super().__init__()
        for name in ("mlp_mu", "mlp_logvar"):
            layers = nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
            setattr(self, name, nn.Sequential(*layers))
        self.entropy_prj = nn.Sequential(nn.Linear(width, width // 4), nn.Tanh())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        mu, logvar = self.mlp_mu(x), self.mlp_logvar(x)
        return (-((mu - y) ** 2) / (2 * logvar.exp())).sum(-1).mean()


class _Contrast(nn.Module):
    """MMIM's contrastive predictive coding of a modality from the fused vector."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        if layers == 1:
            self.net = nn.Linear(width, width)
        else:
            more = [nn.Linear(width, width) for _ in range(layers - 1)]
            self.net = nn.Sequential(nn.Linear(width, width), nn.Tanh(), *more)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        predicted = self.net(z)
        predicted = predicted / predicted.norm(dim=1, keepdim=True)
        x = x / x.norm(dim=1, keepdim=True)
        positive = (x * predicted).sum(-1)
        return -(positive - torch.logsumexp(x @ predicted.t(), -1)).mean()


class MMIM(Algorithm):
    """MultiModal InfoMax (Han et al. 2021), in one stage."""

    def __init__(self, config):
        width = config["hidden_dim"]
        super().__init__(config, width)
        self._make_encoders()
        self.mi_tv, self.mi_ta = _Likelihood(width), _Likelihood(width)
        for m in "tva":
            setattr(self, f"cpc_z{m}", _Contrast(width, config["cpc_layers"]))
        self.fusion_prj = nn.Module()
        self.fusion_prj.linear_1 = nn.Linear(3 * width, width)
        self.fusion_prj.linear_2 = nn.Linear(width, width)
        self.dropout = nn.Dropout(self.rate)

    def forward(self, batch):
        """A fused vector that should tell of every modality."""
        audio, text, video = self._encoded(batch)
        z = self.dropout(torch.cat([text, audio, video], 1))
        z = torch.tanh(self.fusion_prj.linear_2(torch.tanh(self.fusion_prj.linear_1(z))))
        likelihood = self.mi_tv(text, video) + self.mi_ta(text, audio)
        contrast = self.cpc_zt(text, z) + self.cpc_zv(video, z) + self.cpc_za(audio, z)
        return self._result(z, self.config["alpha"] * contrast - self.config["beta"] * likelihood)


class _MulTLayer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=dropout)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.layer_norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keys: Tensor | None, values: Tensor | None) -> Tensor:
        first, second = self.layer_norms
        q = first(x)
        k, v = (q, q) if keys is None else (first(keys), first(values))
        allowed = abs(len(k) - len(q))
        ones = torch.ones(len(q), len(k), dtype=torch.bool, device=x.device)
        mask = torch.triu(ones, diagonal=1 + allowed)
        x = x + self.dropout(self.self_attn(q, k, v, attn_mask=mask, need_weights=False)[0])
        hidden = self.dropout(torch.relu(self.fc1(second(x))))
        return x + self.dropout(self.fc2(hidden))


class _MulTEncoder(nn.Module):
    def __init__(self, width: int, heads: int, layers: int, dropout: float):
        super().__init__()
        self.scale = width**0.5
        self.layers = nn.ModuleList([_MulTLayer(width, heads, dropout) for _ in range(layers)])
        self.layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        keys = values = None
        if y is not None:
            keys, values = self.dropout(self.scale * y), self.dropout(self.scale * y)
        x = self.dropout(self.scale * x)
        for layer in self.layers:
            x = layer(x, keys, values)
        return self.layer_norm(x)


class MulT(Algorithm):
    """Multimodal Transformer (Tsai et al. 2019)."""

    OTHERS = ("l", "av"), ("a", "lv"), ("v", "la")

    def __init__(self, config):
        width = config["hidden_dim"]
        super().__init__(config, width // 2)
        heads, layers = config["num_heads"], config["layers"]
        audio, text, video = self.sizes
        for m, size in (("l", text), ("a", audio), ("v", video)):
            kernel = config["conv1d_kernel_size"]
            setattr(self, f"proj_{m}", nn.Conv1d(size, width, kernel, bias=False))
        for m, others in self.OTHERS:
            for other in others:
                encoder = _MulTEncoder(width, heads, layers, self.rate)
                setattr(self, f"trans_{m}_with_{other}", encoder)
            memory = _MulTEncoder(2 * width, heads, max(layers, 3), self.rate)
            setattr(self, f"trans_{m}_mem", memory)
        self.proj1 = nn.Linear(6 * width, 6 * width)
        self.proj2 = nn.Linear(6 * width, 6 * width)
        self.out_layer = nn.Linear(6 * width, width // 2)
        self.dropout = nn.Dropout(self.rate)

    def forward(self, batch):
        """Six cross-modal encoders, three over their results, the last step of each."""
        by_letter = {"l": batch["texts"], "a": batch["audios"], "v": batch["videos"]}
        x = {
            m: getattr(self, f"proj_{m}")(frames.transpose(1, 2)).permute(2, 0, 1)
            for m, frames in by_letter.items()
        }
        last = []
        for m, others in self.OTHERS:
            crossed = [getattr(self, f"trans_{m}_with_{o}")(x[m], x[o]) for o in others]
            last.append(getattr(self, f"trans_{m}_mem")(torch.cat(crossed, 2))[-1])
        y = torch.cat(last, 1)
        y = y + self.proj2(self.dropout(torch.relu(self.proj1(y))))
        return self._result(self.out_layer(y))


def _frames_first(batch: Mapping[str, Tensor]) -> list[Tensor]:
    """Text, audio, video as [L, B, D]."""
    return [batch[name].transpose(0, 1) for name in ("texts", "audios", "videos")]


class _Memory(Algorithm):
    """What MFN and Graph-MFN share: three LSTM cells, a gated memory, the output net."""

    def __init__(self, config, attended: int):
        super().__init__(config, config["hidden_dim"] // 2)
        width, self.memory = self.hidden, config["mem_dim"]
        audio, text, video = self.sizes
        for m, size in (("l", text), ("a", audio), ("v", video)):
            setattr(self, f"lstm_{m}", nn.LSTMCell(size, width))
        _mlp(self, "att2", (attended, width, self.memory), self.rate)
        _mlp(self, "gamma1", (attended + self.memory, width, self.memory), self.rate)
        _mlp(self, "gamma2", (attended + self.memory, width, self.memory), self.rate)
        _mlp(self, "out", (3 * width + self.memory, width, width // 2), self.rate)

    def states(self, batch) -> Tensor:
        """The last hidden states and the memory, side by side."""
        frames = _frames_first(batch)
        rows = frames[0].shape[1]
        cells = [self.lstm_l, self.lstm_a, self.lstm_v]
        state = [(frames[0].new_zeros(rows, self.hidden),) * 2 for _ in cells]
        memory = frames[0].new_zeros(rows, self.memory)
        for t in range(len(frames[0])):
            before = state
            state = [cell(x[t], s) for cell, x, s in zip(cells, frames, before, strict=True)]
            attended = self.attend(before, state)
            proposed = torch.tanh(_through(self, "att2", attended))
            both = torch.cat([attended, memory], 1)
            keep = torch.sigmoid(_through(self, "gamma1", both))
            write = torch.sigmoid(_through(self, "gamma2", both))
            memory = keep * memory + write * proposed
        return torch.cat([*(h for h, _ in state), memory], 1)

    def forward(self, batch):
        """The output net over the last states."""
        return self._result(_through(self, "out", self.states(batch)))


class MFN(_Memory):
    """Memory Fusion Network (Zadeh et al. 2018)."""

    def __init__(self, config):
        super().__init__(config, 6 * config["hidden_dim"])
        _mlp(self, "att1", (6 * self.hidden, self.hidden, 6 * self.hidden), self.rate)

    def attend(self, before, after) -> Tensor:
        """Weighs the cell states before and after a step."""
        both = torch.cat([c for _, c in (*before, *after)], 1)
        return torch.softmax(_through(self, "att1", both), 1) * both


def _two_layers(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, 100), nn.Sequential(nn.Linear(100, width)))


class _Graph(nn.Module):
    """The dynamic fusion graph; its nodes' networks are not registered, as in the release."""

    def __init__(self, width: int):
        super().__init__()
        self.networks = {n: _two_layers(2 * width, width) for n in ("0_1", "0_2", "1_2")}
        self.networks["0_1_2"] = _two_layers(6 * width, width)
        self.t_network = _two_layers(7 * width, width)
        self.efficacy_model = nn.Sequential(*_two_layers(3 * width, width), nn.Linear(width, 19))

    def forward(self, singles: list[Tensor]) -> Tensor:
        efficacy = self.efficacy_model(torch.cat(singles, 1))
        nodes, used = list(singles), 0
        sources = {"0_1": (0, 1), "0_2": (0, 2), "1_2": (1, 2), "0_1_2": range(6), "": range(7)}
        for name, of in sources.items():
            inputs = [nodes[i] * efficacy[:, used + n, None] for n, i in enumerate(of)]
            used += len(inputs)
            network = self.networks[name] if name else self.t_network
            nodes.append(network(torch.cat(inputs, 1)))
        return nodes[-1]


class GraphMFN(_Memory):
    """Graph Memory Fusion Network (Zadeh et al. 2018)."""

    def __init__(self, config):
        super().__init__(config, config["hidden_dim"])
        for m in "lav":
            setattr(self, f"{m}_transform", nn.Linear(2 * self.hidden, self.hidden))
        self.graph_mfn = _Graph(self.hidden)

    def attend(self, before, after) -> Tensor:
        """The graph over the hidden states before and after a step."""
        singles = [
            torch.relu(getattr(self, f"{m}_transform")(torch.cat([old[0], new[0]], 1)))
            for m, old, new in zip("lav", before, after, strict=True)
        ]
        return self.graph_mfn(singles)


class _CellEncoder(nn.Module):
    def __init__(self, size: int, width: int):
        super().__init__()
        self.lstm, self.fc1 = nn.LSTMCell(size, width), nn.Linear(width, width)

    def forward(self, frames: Tensor) -> Tensor:
        state = (frames.new_zeros(frames.shape[1], self.lstm.hidden_size),) * 2
        for x in frames:
            state = self.lstm(x, state)
        return self.fc1(state[0])


class _CellDecoder(nn.Module):
    def __init__(self, width: int, size: int):
        super().__init__()
        self.lstm, self.fc1 = nn.LSTMCell(width, width), nn.Linear(width, size)

    def forward(self, y: Tensor, steps: int) -> Tensor:
        hidden, cell, given, outputs = torch.zeros_like(y), torch.zeros_like(y), y, []
        for _ in range(steps):
            hidden, cell = self.lstm(given, (hidden, cell))
            given = hidden
            outputs.append(self.fc1(hidden))
        return torch.stack(outputs)


def _kernel_mean(x: Tensor, y: Tensor) -> Tensor:
    distance = (x.unsqueeze(1) - y.unsqueeze(0)).pow(2).mean(2) / x.shape[1]
    return torch.exp(-distance).mean()


class MFM(Algorithm):
    """Multimodal Factorization Model (Tsai et al. 2019). `noise` draws what z is compared with."""

    def __init__(self, config):
        width, half = config["hidden_dim"], config["hidden_dim"] // 2
        super().__init__(config, half)
        audio, text, video = self.sizes
        for m, size in (("l", text), ("a", audio), ("v", video)):
            setattr(self, f"encoder_{m}", _CellEncoder(size, width))
            setattr(self, f"decoder_{m}", _CellDecoder(2 * half, size))
        self.mfn_encoder = MFN(config)
        self.last_to_zy_fc1 = nn.Linear(3 * width + config["mem_dim"], width)
        for m in "ylav":
            _mlp(self, f"z{m}_to_f{m}", (width, half, half), self.rate)
        _mlp(self, "fy_to_y", (half, half, half), self.rate)
        self.noise = torch.randn_like

    def forward(self, batch):
        """Predicts from the factor that all share, and rebuilds every modality."""
        frames = dict(zip("lav", _frames_first(batch), strict=True))
        z = {m: getattr(self, f"encoder_{m}")(x) for m, x in frames.items()}
        z["y"] = self.last_to_zy_fc1(self.mfn_encoder.states(batch))
        factor = {m: torch.relu(_through(self, f"z{m}_to_f{m}", z[m])) for m in "ylav"}
        matched = sum(self._distance(z[m]) for m in "lavy")
        loss = self.config["lda_mmd"] * matched
        for m, x in frames.items():
            both = torch.cat([factor["y"], factor[m]], 1)
            rebuilt = getattr(self, f"decoder_{m}")(both, len(x))
            loss = loss + self.config[f"lda_x{m}"] * functional.mse_loss(rebuilt, x)
        return self._result(_through(self, "fy_to_y", factor["y"]), loss)

    def _distance(self, z: Tensor) -> Tensor:
        drawn = self.noise(z)
        return _kernel_mean(drawn, drawn) + _kernel_mean(z, z) - 2 * _kernel_mean(drawn, z)


class _TranslationEncoder(nn.Module):
    def __init__(self, size: int, width: int, dropout: float):
        super().__init__()
        self.rnn = nn.LSTM(size, width, bidirectional=True)
        self.fc = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        states, (last, _) = self.rnn(source)
        width = last.shape[-1]
        summed = self.dropout(states[..., :width] + states[..., width:])
        return summed, torch.tanh(self.fc(last[0] + last[1]))


class _TranslationAttention(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.attn = nn.Linear(2 * width, width, bias=False)
        self.v = nn.Linear(width, 1, bias=False)

    def forward(self, state: Tensor, encoded: Tensor) -> Tensor:
        repeated = state.unsqueeze(0).repeat(len(encoded), 1, 1)
        energy = torch.tanh(self.attn(torch.cat([repeated, encoded], 2)))
        return torch.softmax(self.v(energy), 0)


class _TranslationDecoder(nn.Module):
    def __init__(self, size: int, width: int):
        super().__init__()
        self.rnn = nn.LSTM(size + width, width, bidirectional=True)
        self.fc_out = nn.Linear(2 * width, size)

    def forward(self, given: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        output, _ = self.rnn(torch.cat([given, context], 1).unsqueeze(0))
        width = context.shape[-1]
        output = output[0, :, :width] + output[0, :, width:]
        return self.fc_out(torch.cat([output, context], 1)), output


class MCTN(Algorithm):
    """Multimodal Cyclic Translation (Pham et al. 2019) over the batch as time, as the release."""

    def __init__(self, config):
        width = config["hidden_dim"]
        super().__init__(config, width)
        self.size = max(self.sizes)
        for i, size in ((1, self.size), (2, width)):
            setattr(self, f"encoder{i}", _TranslationEncoder(size, width, self.rate))
            setattr(self, f"attn{i}", _TranslationAttention(width))
            setattr(self, f"decoder{i}", _TranslationDecoder(self.size, width))
        self.fc_out_0 = LSTMEncoder(width, width, self.rate)

    def forward(self, batch):
        """Text to video and back, what was encoded on the way to audio."""
        audio, text, video = (
            functional.pad(batch[name], (0, self.size - batch[name].shape[2])) for name in INPUTS
        )
        joint, to_video = self._translate(1, text, video)
        _, back = self._translate(1, to_video, text)
        joint, to_audio = self._translate(2, joint, audio)
        translated = ((to_video, video), (back, text), (to_audio, audio))
        loss = sum(functional.mse_loss(guess, true) for guess, true in translated)
        return self._result(self.fc_out_0(joint), self.config["loss_weight"] * loss)

    def _translate(self, number: int, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        attention, decoder = getattr(self, f"attn{number}"), getattr(self, f"decoder{number}")
        encoded, state = getattr(self, f"encoder{number}")(source)
        outputs = [torch.zeros_like(target[0])]
        for i in range(1, len(target)):
            context = (attention(state, encoded) * encoded).sum(0)
            output, state = decoder(target[i - 1], context)
            outputs.append(output)
        return encoded, torch.stack(outputs)


class LFDNN(Algorithm):
    """Late fusion: two dense layers over all encoders' outputs (MER 2024)."""

    def __init__(self, config):
        super().__init__(config, config["hidden_dim"])
        self._make_encoders()
        self.dropout = nn.Dropout(self.rate)
        self.post_fusion_layer_1 = nn.Linear(3 * self.hidden, self.hidden)
        self.post_fusion_layer_2 = nn.Linear(self.hidden, self.hidden)

    def forward(self, batch):
        """[h_a, h_v, h_t] through both layers."""
        audio, text, video = self._encoded(batch)
        x = self.dropout(torch.cat([audio, video, text], 1))
        x = torch.relu(self.post_fusion_layer_1(x))
        return self._result(torch.relu(self.post_fusion_layer_2(x)))


class EFLSTM(Algorithm):
    """Early fusion: an LSTM over all modalities' frames side by side (MER 2024)."""

    def __init__(self, config):
        super().__init__(config, config["hidden_dim"])
        self.lstm = nn.LSTM(
            sum(self.sizes), self.hidden, config["num_layers"], dropout=self.rate, batch_first=True
        )
        self.dropout = nn.Dropout(self.rate)
        self.linear = nn.Linear(self.hidden, self.hidden)

    def forward(self, batch):
        """The top layer's last state through a dense layer."""
        x = torch.cat([batch["texts"], batch["audios"], batch["videos"]], 2)
        x = self.dropout(self.lstm(x)[1][0][-1])
        return self._result(self.dropout(torch.relu(self.linear(x))))


ALGORITHMS = {
    "attention": Attention,
    "lmf": LMF,
    "tfn": TFN,
    "misa": MISA,
    "mmim": MMIM,
    "mult": MulT,
    "mfn": MFN,
    "graph_mfn": GraphMFN,
    "mfm": MFM,
    "mctn": MCTN,
    "lf_dnn": LFDNN,
    "ef_lstm": EFLSTM,
    "attention_topn": AttentionTopN,
}


def loss_of(result: Result, emotion: Tensor | None, valence: Tensor | None) -> Tensor:
    """The algorithm's own loss, cross-entropy and squared error: those of the heads that exist."""
    loss = result.own_loss
    if result.emotion.shape[1]:
        loss = loss + functional.cross_entropy(result.emotion, emotion)
    if result.valence.shape[1]:
        loss = loss + functional.mse_loss(result.valence, valence)
    return loss
