"""Training of a lab model: resumable at any kill, to the same bits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadData, BadShape
from routelab.model.config import LabConfig
from routelab.model.questions import Questions, batch_rows
from routelab.model.tally import Tally
from routelab.model.vlm import LabModel, Output
from routelab.routing import AnyExperts, DTopP, share_controller


@dataclass(frozen=True)
class TrainSettings:
    """How a model is trained.

    Attributes:
        steps, batch: length. lr: peak of a linear warm-up over `warmup` steps and a cosine down to a tenth of it.
        weight_decay: on matrices alone. clip: norm of the gradient. importance_lr: factor on the rate of AnyExperts'
            importance parameters. precision: of products in the experts and around them; routers stay in float32.
        seed: of the weights, of the order of the questions and of routers that draw.
        save_every, log_every: steps between two checkpoints, and between two lines of the log.
    """

    steps: int = 2000
    batch: int = 128
    lr: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    importance_lr: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: int = 0
    save_every: int = 200
    log_every: int = 50

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.save_every, self.log_every) < 1 or self.lr <= 0 or self.clip <= 0:
            raise BadShape(f"training as {self}", "give positive steps, batch, lr and clip")
        if self.precision not in ("bf16", "fp32"):
            raise BadShape(f"precision {self.precision!r}", "choose bf16 or fp32")

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


@dataclass
class Trained:
    """A model after its training, and the log: one row per `log_every` steps."""

    model: LabModel
    log: list[dict[str, Any]]



def train(
    config: LabConfig,
    settings: TrainSettings,
    data: Questions,
    *,
    checkpoint: Path | None = None,
    stop_after: int | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Trained:
    """Train from scratch, or go on from the checkpoint if there is one of this configuration and these settings.

    Args:
        checkpoint: file to go on from and to save to, replaced whole; none is kept without it.
        stop_after: end at this step although the plan is longer (the rate follows the plan).
        progress: called with the number of steps done and the last loss, at each line of the log.

    Raises:
        BadData: the checkpoint is cut off or of another run. BadShape: the loss is no number, or shapes do not fit.
    """
    run = _Run(config, settings)
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    last = settings.steps if stop_after is None else min(stop_after, settings.steps)
    try:
        while run.step < last:
            loss = run.one_step(data)
            if progress is not None and (run.step % settings.log_every == 0 or run.step == last):
                progress(run.step, loss)
            if checkpoint is not None and (run.step % settings.save_every == 0 or run.step == last):
                run.save(checkpoint)
    except KeyboardInterrupt:
        if checkpoint is not None:
            run.save(checkpoint)
        raise
    return Trained(run.model, run.log)


def answer_loss(output: Output, answers: Tensor) -> Tensor:
    """Mean cross entropy over the answers' tokens, their end among them; a scalar."""
    return functional.cross_entropy(output.logits.flatten(0, 1), answers.flatten(), ignore_index=0)


def save_whole(path: Path, document: Mapping[str, Any]) -> None:
    """`torch.save` that a kill cannot leave half done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        torch.save(dict(document), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class _Run:
    """A model on its way: all that a checkpoint holds."""

    def __init__(self, config: LabConfig, settings: TrainSettings) -> None:
        self.config, self.settings = config, settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model = LabModel(config)
        shared = [r for r in self.model.routers() if isinstance(r, DTopP)]
        if shared:
            share_controller(shared)
        self.optimizer = torch.optim.AdamW(_groups(self.model, settings), lr=settings.lr, fused=True)
        self.step = 0
        self.log: list[dict[str, Any]] = []

    def one_step(self, data: Questions) -> float:
        s = self.settings
        batch = data.rows(batch_rows(len(data), s.batch, self.step, s.seed))
        # What routers draw is a function of seed and step, so that a resumed run draws what it would have drawn.
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = s.rate(self.step) * group["factor"]
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=s.precision == "bf16"):
            output = self.model(
                batch.images, batch.question, batch.answer, has_image=batch.has_image, generator=generator
            )
        task, aux = answer_loss(output, batch.answer), output.aux_loss()
        self.optimizer.zero_grad(set_to_none=True)
        (task + aux).backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), s.clip)
        self.optimizer.step()
        for router in self.model.routers():
            router.after_step()
        self.step += 1
        loss = float(task.detach())
        if not math.isfinite(loss):
            raise BadShape(f"the loss of step {self.step} is {loss}", "lower the learning rate")
        if self.step % s.log_every == 0 or self.step == s.steps:
            self.log.append(self._line(output, batch, loss, float(aux.detach()), float(norm)))
        return loss

    def _line(self, output: Output, batch: Questions, loss: float, aux: float, norm: float) -> dict[str, Any]:
        line: dict[str, Any] = {"step": self.step, "loss": loss, "aux": aux, "gradient_norm": norm}
        given = output.logits.detach().argmax(-1)
        line["right"] = float(((given == batch.answer) | (batch.answer == 0)).all(1).float().mean())
        tally = Tally()
        tally.add(output.routings, output.layout.modality)
        for name, value in tally.summary().items():
            if name in ("mean_real", "msi", "load_cv", "dead_experts", "importance_std", "slots_histogram"):
                line[name] = value
        for layer, routing in enumerate(output.routings):
            for name, number in routing.statistics.items():
                if number.numel() == 1 and name != "msi":
                    line[f"{name}_{layer}"] = float(number)
        return line

    def save(self, path: Path) -> None:
        save_whole(
            path,
            {
                "config": self.config.to_dict(),
                "settings": asdict(self.settings),
                "step": self.step,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "log": self.log,
            },
        )

    def load(self, path: Path) -> None:
        document = load_whole(path)
        for name, mine in (("config", self.config.to_dict()), ("settings", asdict(self.settings))):
            if document.get(name) != mine:
                raise BadData(f"{path.name} is a checkpoint of another run: {name} differs", "remove it to begin anew")
        self.model.load_state_dict(document["model"])
        self.optimizer.load_state_dict(document["optimizer"])
        self.step, self.log = int(document["step"]), list(document["log"])


def load_whole(path: Path) -> dict[str, Any]:
    """What `save_whole` saved.

    Raises:
        BadData: the file is missing, cut off, or no checkpoint.
    """
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets
        raise BadData(f"{path.name} is no checkpoint, or is cut off ({error})", "remove it to begin anew") from error
    if not isinstance(document, dict):
        raise BadData(f"{path.name} is no checkpoint", "remove it to begin anew")
    return document


def _groups(model: LabModel, settings: TrainSettings) -> list[dict[str, Any]]:
    """Parameters in groups: what decays, what does not, and the importance of AnyExperts with a rate of its own."""
    important = {id(p) for r in model.routers() if isinstance(r, AnyExperts) for p in r.importance_parameters()}
    trained = [p for p in model.parameters() if p.requires_grad]
    decays = [p for p in trained if id(p) not in important and p.dim() > 1]
    rest = [p for p in trained if id(p) not in important and p.dim() <= 1]
    own = [p for p in trained if id(p) in important]
    groups = [(decays, settings.weight_decay, 1.0), (rest, 0.0, 1.0), (own, 0.0, settings.importance_lr)]
    return [{"params": p, "weight_decay": w, "factor": f, "lr": settings.lr} for p, w, f in groups if p]
