"""A routing trace: which experts each token of a run went to, in every layer. Written, read, and replayed."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from routelab._errors import BadData, BadShape
from routelab.routing import Routing

SCHEMA = "routelab-trace-v1"
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """Routing of some tokens in all MoE layers of a model.

    Attributes:
        n_experts: E. index: int64 [layers, tokens, K], expert of each slot, -1 where none runs.
        weight: float32 [layers, tokens, K], 0 where none runs.
        sequence: int64 [tokens], which sequence a token is of, from 0; a sequence's tokens stand in order.
        step: int64 [tokens], which forward call it was in, from 0; tokens of one step ran together.
        modality: int64 [tokens], `TEXT` or `VISION`; None where it is not known.
        model: what was run, in words.
    """

    n_experts: int
    index: Int
    weight: NDArray[np.float32]
    sequence: Int
    step: Int
    modality: Int | None = None
    model: str = ""

    def __post_init__(self) -> None:
        tokens = self.index.shape[1] if self.index.ndim == 3 else -1
        per_token = [self.sequence, self.step] + ([] if self.modality is None else [self.modality])
        if self.index.ndim != 3 or self.weight.shape != self.index.shape:
            raise BadShape(f"a trace with index {self.index.shape} and weight {self.weight.shape}", "give [L, N, K]")
        if any(array.shape != (tokens,) for array in per_token):
            raise BadShape(f"a trace of {tokens} tokens with {[a.shape for a in per_token]} of them named")
        if self.index.size and (self.index.min() < -1 or self.index.max() >= self.n_experts):
            raise BadShape(f"a trace with an expert outside of 0 .. {self.n_experts - 1}")

    @property
    def layers(self) -> int:
        return len(self.index)

    @property
    def tokens(self) -> int:
        return int(self.index.shape[1])

    def routing(self, layer: int, tokens: Int | slice | None = None) -> Routing:
        """What a router would have returned for these tokens of a layer: to replay real, skewed routing on any weights.

        Raises:
            BadShape: there is no such layer.
        """
        if not 0 <= layer < self.layers:
            raise BadShape(f"layer {layer} of a trace of {self.layers}")
        which = slice(None) if tokens is None else tokens
        index = torch.from_numpy(self.index[layer, which].copy())
        real = index >= 0
        weight = torch.from_numpy(self.weight[layer, which].copy())
        return Routing(index.clamp(min=0), weight * real, real, self.n_experts)

    def load(self) -> Int:
        """Assignments of each expert in each layer: int64 [layers, E]."""
        return np.stack([np.bincount(row[row >= 0], minlength=self.n_experts) for row in self.index])

    def save(self, path: str | Path) -> None:
        """Write it as one compressed .npz, whole or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        arrays: dict[str, Any] = {
            "schema": np.array(SCHEMA),
            "model": np.array(self.model),
            "n_experts": np.array(self.n_experts, dtype=np.int64),
            "index": self.index.astype(np.int16),
            "weight": self.weight.astype(np.float32),
            "sequence": self.sequence,
            "step": self.step,
        }
        if self.modality is not None:
            arrays["modality"] = self.modality.astype(np.int8)
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
        partial.replace(path)


def read_trace(path: str | Path) -> Trace:
    """A trace as `Trace.save` wrote it.

    Raises:
        BadData: it is no such file; the message names file and field.
    """
    arrays = _arrays(path)
    schema = str(_take(path, arrays, "schema"))
    if schema != SCHEMA:
        raise BadData(f"{path}: schema is {schema!r}", f"give a file with {SCHEMA!r}")
    modality = arrays.get("modality")
    try:
        return Trace(
            int(_take(path, arrays, "n_experts", "iu", 0)),
            _take(path, arrays, "index", "iu", 3).astype(np.int64),
            _take(path, arrays, "weight", "f", 3).astype(np.float32),
            _take(path, arrays, "sequence", "iu", 1).astype(np.int64),
            _take(path, arrays, "step", "iu", 1).astype(np.int64),
            None if modality is None else modality.astype(np.int64),
            str(_take(path, arrays, "model")),
        )
    except BadShape as error:
        raise BadData(f"{path}: {error.cause}") from error


def read_token_traces(path: str | Path, n_experts: int, model: str = "") -> Trace:
    """A public trace of the form expert_ids [layers, tokens, k], weights alike, seq_lens [sequences].

    (So come the traces of DeepSeek-V2-Lite that were made with the ESFT code, arXiv 2407.01906.) Each sequence is one
    step, a prefill of its own; all tokens are text.

    Raises:
        BadData: it is no such file, or its sequences do not add up to its tokens.
    """
    arrays = _arrays(path)
    index = _take(path, arrays, "expert_ids", "iu", 3).astype(np.int64)
    weight = _take(path, arrays, "weights", "f", 3).astype(np.float32)
    lengths = _take(path, arrays, "seq_lens", "iu", 1).astype(np.int64)
    if (lengths < 1).any() or lengths.sum() != index.shape[1]:
        raise BadData(f"{path}: seq_lens add up to {lengths.sum()}, expert_ids has {index.shape[1]} tokens")
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    try:
        return Trace(n_experts, index, weight, sequence, sequence.copy(), np.zeros_like(sequence), model)
    except BadShape as error:
        raise BadData(f"{path}: expert_ids or weights: {error.cause}") from error


def _arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz; no pickled object is ever read."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError as error:
        raise BadData(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise BadData(f"{path}: not a whole .npz file of plain arrays ({type(error).__name__})") from error
    raise BadData(f"{path}: one array, not an .npz of several")


def _take(
    path: str | Path, arrays: dict[str, NDArray[Any]], name: str, kinds: str = "U", dimensions: int = 0
) -> NDArray[Any]:
    if name not in arrays:
        raise BadData(f"{path}: no field {name}")
    array = arrays[name]
    if array.dtype.kind not in kinds or array.ndim != dimensions:
        raise BadData(f"{path}: {name} is {array.dtype} of {array.ndim} dimensions")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadData(f"{path}: {name} has an entry that is not a finite number")
    return array
