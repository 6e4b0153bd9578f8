"""Models that are not among ours, run by transformers with PyTorch where both are installed.

They have the same batches and the same writer; what transformers does not mask itself runs a row
at a time, so that padding reaches nothing.
"""

import dataclasses
import importlib.util
import pathlib
from typing import Any

import numpy as np

from mer_jax.errors import InputError

_PADDED_BY_ROW = ("input_values", "input_features", "pixel_values")  # masks that models ignore
_NO_BOUND = 1 << 30  # tokens, of a model whose positions are relative


def is_there() -> bool:
    """Whether PyTorch and transformers are installed."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


@dataclasses.dataclass(frozen=True, eq=False)
class Foreign:
    """A model of transformers in the form of an Encoder."""

    model: Any
    model_type: str
    folder: pathlib.Path
    files: tuple[pathlib.Path, ...]
    packages: tuple[str, ...] = ("torch", "transformers")

    @property
    def size(self) -> int:
        """The size of a hidden state."""
        return int(self.model.config.hidden_size)

    pooled_size = size

    @property
    def longest(self) -> int:
        """The most tokens of a row."""
        longest = getattr(self.model.config, "max_position_embeddings", 0) or 0
        return longest if longest > 0 else _NO_BOUND

    @property
    def least(self) -> int:
        """The fewest samples of a clip; shorter ones the model itself refuses."""
        return 400

    def hidden_states(self, inputs: Any, mask: Any = None) -> tuple[np.ndarray, ...]:
        """Every hidden state, as transformers gives them."""
        name = self.model.main_input_name
        inputs = np.asarray(inputs)
        if mask is None or name not in _PADDED_BY_ROW:
            return self._run(inputs, mask)
        alone = [
            self._run(row[None, ..., : own.sum()], None)
            for row, own in zip(inputs, mask, strict=True)
        ]
        longest = max(states[0].shape[1] for states in alone)
        return tuple(
            np.concatenate([np.pad(s, ((0, 0), (0, longest - s.shape[1]), (0, 0))) for s in layer])
            for layer in zip(*alone, strict=True)
        )

    def decoded(self, inputs: Any, tokens: int) -> np.ndarray:
        """The decoder's last hidden state [B, tokens, D] over so many of its start token."""
        import torch

        start = self.model.config.decoder_start_token_id
        with torch.no_grad():
            return self.model(
                torch.as_tensor(inputs),
                decoder_input_ids=torch.full((len(inputs), tokens), start),
            ).last_hidden_state.numpy()

    def pooled(self, inputs: Any) -> np.ndarray:
        """The mean over the tokens of the last hidden state."""
        return self.hidden_states(inputs)[-1].mean(1)

    def frames(self, lengths: Any) -> np.ndarray:
        """The frames of the hidden states for inputs of these lengths."""
        lengths = np.asarray(lengths)
        count = getattr(self.model, "_get_feat_extract_output_lengths", None)
        return lengths if count is None else np.asarray([int(count(int(n))) for n in lengths])

    def _run(self, inputs, mask) -> tuple[np.ndarray, ...]:
        import torch

        taken = {self.model.main_input_name: torch.as_tensor(inputs)}
        if np.issubdtype(inputs.dtype, np.integer):
            taken[self.model.main_input_name] = torch.as_tensor(inputs.astype(np.int64))
        if mask is not None:
            taken["attention_mask"] = torch.as_tensor(np.asarray(mask).astype(np.int64))
        with torch.no_grad():
            states = self.model(**taken, output_hidden_states=True).hidden_states
        return tuple(state.numpy() for state in states)


def load(folder: pathlib.Path) -> Foreign:
    """The model of a folder; raises InputError where transformers cannot load it."""
    import transformers

    from mer_jax.models.encoders import weights

    try:
        model = transformers.AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        ).eval()
    except Exception as error:  # of the many that transformers and what it loads raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{folder}: transformers cannot load it: {reason}") from None
    return Foreign(model, model.config.model_type, folder, weights.files_of(folder))
