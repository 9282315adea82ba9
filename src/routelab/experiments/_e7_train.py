"""E7's trained units: one head on a trunk, one seed, resumable after every epoch to the same bits."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadData
from routelab.bench import provenance
from routelab.data.cifar import load_folder
from routelab.data.textures import generate
from routelab.experiments.evaluate import packed
from routelab.model.heads import DenseHead, HeadOutput, NoisyTopKHead, SlotHead, SoftMixtureHead
from routelab.model.training import save_whole
from routelab.model.trunk import ResNet18, SmallTrunk

EXPERTS, K, CLASSES = 8, 2, 10
#: Width of an expert, and of the dense head as wide as all of them, as in the paper.
HIDDEN = 64
PAD = 4
#: Folder of CIFAR-10's binary files; where it is set, they are used and not the procedural pictures.
CIFAR_VARIABLE = "ROUTELAB_CIFAR10"
#: Seeds of the procedural pictures: training and test never meet.
DATA_SEEDS = (71_001, 79_009)


@dataclass(frozen=True)
class Scale:
    """How much is trained: tier C on a CPU, tier G on a GPU with the paper's trunk and hyperparameters."""

    tier: str
    width: int
    training: int
    test: int
    epochs: int
    seeds: tuple[int, ...]
    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    validation_share: float = 0.1
    split_seed: int = 42


#: ResNet-18's width is 512; other widths are the small trunk's.
SCALES = {
    "C": Scale("C", 64, 10_000, 10_000, 10, (0, 1, 2, 3, 4)),
    "G": Scale("G", 512, 50_000, 10_000, 50, (0, 1, 2, 3, 4)),
    "smoke": Scale("C", 16, 320, 200, 1, (0,)),
}

#: Arm -> what it is. `_defect`: trained without augmentation, as the released code does. The first six stand in claims.
ARMS: dict[str, str] = {
    "dense": "the paper's dense head, as wide as all experts together: equal total parameters",
    "soft_mixture": "softmax-weighted sum of all experts",
    "noisy_top2": "noisy top-2 with the paper's penalties",
    "dense_defect": "dense, no augmentation",
    "soft_mixture_defect": "soft mixture, no augmentation",
    "noisy_top2_defect": "noisy top-2, no augmentation",
    "noisy_top2_shazeer": "noisy top-2 with the smooth load estimator",
    "dense_active": "dense of equal FLOPs: as wide as two experts",
    "slots": "Soft MoE over the trunk's 16 positions, two slots for each of eight experts",
    "frozen_top2": "noisy top-2 whose gate stays as it was drawn",
}


def head(arm: str, d: int) -> nn.Module:
    """The head of an arm on a trunk of width d."""
    name, hidden = arm.removesuffix("_defect"), HIDDEN
    if name == "dense":
        return DenseHead(d, CLASSES, EXPERTS * hidden)
    if name == "dense_active":
        return DenseHead(d, CLASSES, K * hidden)
    if name == "soft_mixture":
        return SoftMixtureHead(d, CLASSES, EXPERTS, hidden)
    if name == "slots":
        return SlotHead(d, CLASSES, EXPERTS, hidden, slots=2)
    if name == "noisy_top2_shazeer":
        return NoisyTopKHead(d, CLASSES, EXPERTS, hidden, k=K, load_estimator="shazeer", run="grouped")
    if name not in ("noisy_top2", "frozen_top2"):
        raise BadData(f"E7 has no arm {arm!r}", f"choose one of: {', '.join(ARMS)}")
    made = NoisyTopKHead(d, CLASSES, EXPERTS, hidden, k=K, run="grouped")
    if name == "frozen_top2":
        for gate in (made.router.gate, made.router.noise):
            gate.requires_grad_(False)
    return made


class Classifier(nn.Module):
    """A trunk and a head."""

    def __init__(self, arm: str, width: int) -> None:
        super().__init__()
        self.trunk = ResNet18() if width == 512 else SmallTrunk(width)
        self.head = head(arm, width)

    def forward(self, images: Tensor) -> HeadOutput:
        out: HeadOutput = self.head(self.trunk(images))
        return out


@dataclass(frozen=True)
class Pictures:
    """Training pictures padded by 4 on each side [n, 40, 40, 3], the others as they are [n, 32, 32, 3], uint8.

    Attributes:
        mean, std: per channel, of the training pictures over 255. sha256: of all bytes. name: of the data.
    """

    training: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    mean: Tensor
    std: Tensor
    sha256: str
    name: str


@functools.cache
def pictures(scale: Scale, cifar: str | None) -> Pictures:
    """The pictures of a scale: procedural ones, or those of CIFAR-10's binary files in a folder, all of them.

    Raises:
        BadData: the folder's files are missing or not what they are said to be.
    """
    if cifar:
        (images, labels), (test_images, test_labels) = (load_folder(Path(cifar), train=t) for t in (True, False))
    else:
        images, labels = generate(scale.training, DATA_SEEDS[0])
        test_images, test_labels = generate(scale.test, DATA_SEEDS[1])
    digest = hashlib.sha256()
    for part in (images, labels, test_images, test_labels):
        digest.update(np.ascontiguousarray(part).tobytes())
    order = np.random.default_rng(scale.split_seed).permutation(len(images))
    held = round(scale.validation_share * len(images))
    kept, aside = order[held:], order[:held]
    mean = images[kept].reshape(-1, 3).mean(0) / 255
    std = images[kept].reshape(-1, 3).std(0) / 255
    edges = ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0))

    def pair(x: NDArray[np.uint8], y: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(x), torch.from_numpy(y)

    return Pictures(
        pair(np.pad(images[kept], edges), labels[kept]),
        pair(images[aside], labels[aside]),
        pair(test_images, test_labels),
        torch.tensor(mean, dtype=torch.float32),
        torch.tensor(std, dtype=torch.float32),
        digest.hexdigest(),
        "CIFAR-10" if cifar else "procedural textures and shapes",
    )


def cropped(padded: Tensor, rows: Tensor, generator: torch.Generator | None) -> Tensor:
    """Pictures [b, 32, 32, 3] of padded ones: random crop and mirror, or the middle without a generator."""
    b, side = len(rows), padded.shape[1] - 2 * PAD
    if generator is None:
        return padded[rows, PAD : PAD + side, PAD : PAD + side]
    at = torch.randint(2 * PAD + 1, (2, b, 1), generator=generator)
    y, x = at[0] + torch.arange(side), at[1] + torch.arange(side)
    mirrored = torch.rand(b, 1, generator=generator) < 0.5
    x = torch.where(mirrored, x.flip(1), x)
    return padded[rows[:, None, None], y[:, :, None], x[:, None, :]]


def unit_document(arm: str, seed: int, scale: Scale, data: Pictures) -> dict[str, Any]:
    """All that decides what the unit gives, but the code."""
    return {
        "kind": "train",
        "arm": arm,
        "seed": seed,
        "scale": {**asdict(scale), "seeds": list(scale.seeds)},
        "data": data.name,
        "data_sha256": data.sha256,
    }


def train_unit(
    arm: str, seed: int, scale: Scale, state: Path, weights: Path, progress: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Train and test one arm with one seed: a JSON object. What a killed process left in `state` is gone on from."""
    data = pictures(scale, os.environ.get(CIFAR_VARIABLE))
    document = unit_document(arm, seed, scale, data)
    device = "cuda" if scale.tier == "G" and torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(arm, scale.width).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad],
        lr=scale.lr,
        momentum=scale.momentum,
        weight_decay=scale.weight_decay,
    )
    milestones = [max(1, round(0.6 * scale.epochs)), max(2, round(0.8 * scale.epochs))]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones)
    log: list[dict[str, float]] = []
    if state.is_file():
        saved = _saved(state)
        if saved is not None and saved["document"] == document:
            model.load_state_dict(saved["model"])
            optimiser.load_state_dict(saved["optimiser"])
            schedule.load_state_dict(saved["schedule"])
            log = saved["log"]
    began = time.process_time()
    for epoch in range(len(log), scale.epochs):
        log.append(one_epoch(model, optimiser, data, scale, seed, epoch, augment=not arm.endswith("_defect")))
        schedule.step()
        save_whole(
            state,
            {
                "document": document,
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "log": log,
            },
        )
        progress(f"{arm}-{seed}: epoch {epoch + 1} of {scale.epochs}, loss {log[-1]['loss']:.3f}")
    kept = {n: t.half() if t.is_floating_point() else t for n, t in model.state_dict().items()}
    save_whole(weights, {"document": document, "model": kept})
    model.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in kept.items()})
    right, share = tested(model, data.test, data)
    validated, _ = tested(model, data.validation, data)
    return {
        **document,
        "parameters": sum(p.numel() for p in model.parameters()),
        "accuracy": 100 * float(right.mean()),
        "validation": 100 * float(validated.mean()),
        "n": int(right.size),
        "right": packed(right),
        "share": share,
        "log": log,
        "cpu_seconds_since_resumed": time.process_time() - began,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        **provenance(seed=seed),
    }


def one_epoch(
    model: Classifier,
    optimiser: torch.optim.Optimizer,
    data: Pictures,
    scale: Scale,
    seed: int,
    epoch: int,
    *,
    augment: bool,
) -> dict[str, float]:
    """One pass over the training pictures. All that is drawn is a function of seed and epoch."""
    model.train()
    images, labels = data.training
    drawn = seed * 1_000_003 + epoch
    generator = torch.Generator().manual_seed(drawn)
    device = next(model.parameters()).device
    total, apart = 0.0, []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn)
        for rows in torch.split(torch.randperm(len(labels), generator=generator), scale.batch):
            if len(rows) < 2:
                continue  # a batch of one has no variance to normalise by
            x = normalised(cropped(images, rows, generator if augment else None), data, device)
            out = model(x)
            loss = functional.cross_entropy(out.logits, labels[rows].to(device)) + out.penalty
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
            if out.routing is not None:
                importance, load = out.routing.aux["importance"].item(), out.routing.aux["load"].item()
                apart.append(abs(importance - load) / max(importance, 1e-12))
    numbers = {"loss": total / len(labels)}
    if apart:
        numbers |= {"penalties_apart_most": max(apart), "penalties_apart_least": min(apart)}
    return numbers


@torch.inference_mode()
def tested(model: Classifier, pair: tuple[Tensor, Tensor], data: Pictures) -> tuple[NDArray[np.bool_], list[float]]:
    """(which pictures were classified right, mean share of each expert; empty without experts)."""
    model.eval()
    images, labels = pair
    device = next(model.parameters()).device
    right, shares = [], []
    for rows in torch.split(torch.arange(len(labels)), 500):
        out = model(normalised(images[rows], data, device))
        right.append((out.logits.argmax(1).cpu() == labels[rows]).numpy())
        if out.share is not None:
            shares.append(out.share.cpu() * len(rows))
    share = torch.stack(shares).sum(0) / len(labels) if shares else torch.zeros(0)
    return np.concatenate(right), [round(float(s), 6) for s in share]


def normalised(images: Tensor, data: Pictures, device: torch.device) -> Tensor:
    """float32 [b, 3, 32, 32] of uint8 [b, 32, 32, 3], in channels-last order."""
    x = (images.to(device).float() / 255 - data.mean.to(device)) / data.std.to(device)
    return x.permute(0, 3, 1, 2)


def _saved(path: Path) -> Mapping[str, Any] | None:
    """A checkpoint, or None where it is cut off: the unit is then trained from its start."""
    try:
        found: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds
        return None
    return found
