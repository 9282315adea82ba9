"""Questions as tensors, and the order in which training reads them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from routelab._errors import BadData


@dataclass(frozen=True)
class Questions:
    """n questions.

    Attributes:
        images: uint8 [n, H, W, 3]. question: int64 [n, Lq], padded on the left. answer: int64 [n, A], padded on
            the right. has_image: bool [n], False for a text-only question.
    """

    images: Tensor
    question: Tensor
    answer: Tensor
    has_image: Tensor

    def __post_init__(self) -> None:
        lengths = {f.name: getattr(self, f.name).shape[0] for f in fields(self)}
        if len(set(lengths.values())) != 1:
            raise BadData(f"questions of {lengths} rows", "give equally many of each")

    def __len__(self) -> int:
        return int(self.question.shape[0])

    def rows(self, rows: Tensor | slice) -> Questions:
        return Questions(self.images[rows], self.question[rows], self.answer[rows], self.has_image[rows])

    def blanked(self) -> Questions:
        """The same without what the pictures show: mid grey."""
        return Questions(torch.full_like(self.images, 128), self.question, self.answer, self.has_image)

    def unasked(self, stand_in: int) -> Questions:
        """The same without what is asked: each question is the one token `stand_in`."""
        question = torch.zeros_like(self.question)
        question[:, -1] = stand_in
        return Questions(self.images, question, self.answer, self.has_image)


def batch_rows(n: int, batch: int, step: int, seed: int) -> Tensor:
    """Rows of the batch of a step (from 0): int64 [batch].

    Each epoch is an order of its own, drawn from `seed` alone, so that a run that goes on reads what the uninterrupted
    one would have read. A rest that fills no batch is left out.

    Raises:
        BadData: there are fewer questions than one batch.
    """
    each = n // batch
    if not each:
        raise BadData(f"{n} questions for batches of {batch}", "give more questions or a smaller batch")
    epoch, at = divmod(step, each)
    order = np.random.default_rng([seed, epoch, 0x0DE7]).permutation(n)
    return torch.from_numpy(order[at * batch : (at + 1) * batch])
