"""The lab's vision-language model: patches and words in one transformer, its feed-forward parts mixtures of experts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.model._attention import Attention, Cache
from routelab.model._layers import Dense, build_layer
from routelab.model._layout import Layout, lay_out
from routelab.model.config import LabConfig
from routelab.routing import Context, Router, Routing, one_hot, propagate


@dataclass(frozen=True)
class Output:
    """What a pass gives.

    Attributes:
        logits: float [B, answer_length, vocabulary]: for each token of the answer, from what stands before it.
        routings: one per block that routes, in order. layout: where the tokens lie.
        attention: probabilities [B, heads, L, L] of each block if they were asked for.
    """

    logits: Tensor
    routings: tuple[Routing, ...]
    layout: Layout
    attention: tuple[Tensor, ...] = ()

    def aux_loss(self) -> Tensor:
        """Sum of all routers' auxiliary losses; a scalar."""
        return sum((r.loss() for r in self.routings), start=self.logits.new_zeros((), dtype=torch.float32))


@dataclass
class Prefix:
    """What decoding needs of the tokens so far: each block's cache, and the number of places that it holds."""

    caches: list[Cache]
    places: int


class Block(nn.Module):
    """x + attention(norm x), then x + layer(norm x) (pre-norm)."""

    def __init__(self, config: LabConfig, number: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(config.d), nn.LayerNorm(config.d)
        self.attention = Attention(config.d, config.heads)
        self.layer = build_layer(config, number)


class LabModel(nn.Module):
    """Images uint8 [B, H, W, 3], questions int64 [B, question_length] (0 left of the question is padding) and answers
    int64 [B, answer_length] (0 after the end token is padding) to logits of the answer.

    A sample without an image is a text-only question: its visual places hold no token and cost nothing.
    """

    def __init__(self, config: LabConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d
        self.patches = nn.Linear(config.patch**2 * 3, d)
        self.words = nn.Embedding(config.vocabulary, d)
        self.places = nn.Parameter(torch.empty(config.visual_tokens + config.text_length, d))
        self.modality = nn.Parameter(torch.zeros(2, d))
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.blocks))
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, config.vocabulary)
        nn.init.normal_(self.words.weight, std=0.5)
        nn.init.normal_(self.places, std=0.5)

    def forward(
        self,
        images: Tensor | None,
        questions: Tensor,
        answers: Tensor | None = None,
        *,
        has_image: Tensor | None = None,
        generator: torch.Generator | None = None,
        keep_attention: bool = False,
    ) -> Output:
        """One pass over visual tokens, question and, with teacher forcing, all tokens of the answer but the last.

        Args:
            answers: int64 [B, answer_length]; without them only the logits of the first token are right.
            has_image: bool [B]; without it every sample has one, or none if `images` is None.
            generator: for routers that draw. keep_attention: return probabilities.

        Raises:
            BadShape: shapes do not fit the configuration.
        """
        a = self.config.answer_length
        if answers is None:
            answers = questions.new_zeros(questions.shape[0], a)
        elif tuple(answers.shape) != (questions.shape[0], a):
            raise BadShape(f"answers of shape {tuple(answers.shape)}", f"give [{questions.shape[0]}, {a}]")
        x, ids, layout = self._embed(images, questions, answers[:, :-1], has_image)
        x, routings, _, attention = self._blocks(x, ids, layout, None, generator, keep_attention)
        length = layout.valid.shape[1]
        last = torch.arange(length - a, length, device=x.device)
        return Output(self._logits(layout.unpack(x)[:, last]), tuple(routings), layout, tuple(attention))

    def prefill(
        self,
        images: Tensor | None,
        questions: Tensor,
        *,
        has_image: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Prefix, tuple[Routing, ...]]:
        """Visual tokens and question, once: logits [B, vocabulary] of the answer's first token, and what `step` needs.

        Raises:
            BadShape: shapes do not fit the configuration.
        """
        x, ids, layout = self._embed(images, questions, questions[:, :0], has_image)
        x, routings, caches, _ = self._blocks(x, ids, layout, None, generator, False)
        return self._logits(layout.unpack(x)[:, -1]), Prefix(caches, layout.valid.shape[1]), tuple(routings)

    def step(
        self, tokens: Tensor, prefix: Prefix, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Prefix, tuple[Routing, ...]]:
        """One more token for each sample: logits [B, vocabulary] of the token after it. A token 0 is padding.

        Raises:
            BadShape: there is no place left.
        """
        first = prefix.places
        if first >= self.places.shape[0]:
            raise BadShape(f"an answer longer than {self.config.answer_length} tokens", "end it there")
        layout = lay_out((tokens != 0)[:, None], self.config.visual_tokens, first, prefix.caches[0].valid)
        x = self.words(tokens) + self.places[first] + self.modality[0]
        x = layout.pack(x[:, None])
        ids = layout.pack(tokens[:, None, None])[:, 0]
        x, routings, caches, _ = self._blocks(x, ids, layout, prefix, generator, False)
        return self._logits(layout.unpack(x)[:, 0]), Prefix(caches, first + 1), tuple(routings)

    @torch.no_grad()
    def answer(
        self,
        images: Tensor | None,
        questions: Tensor,
        *,
        end: int,
        has_image: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Greedy answers, with the cache: int64 [B, answer_length], 0 after the end token."""
        logits, prefix, _ = self.prefill(images, questions, has_image=has_image, generator=generator)
        given = [logits.argmax(-1)]
        for _ in range(self.config.answer_length - 1):
            over = (given[-1] == end) | (given[-1] == 0)
            if bool(over.all()):
                break
            logits, prefix, _ = self.step(given[-1].masked_fill(over, 0), prefix, generator=generator)
            given.append(logits.argmax(-1).masked_fill(over, 0))
        out = questions.new_zeros(questions.shape[0], self.config.answer_length)
        out[:, : len(given)] = torch.stack(given, 1)
        return out

    def routers(self) -> Sequence[Router]:
        """The routers, in order of their blocks."""
        return [m for m in self.modules() if isinstance(m, Router)]

    def active_parameters(self, mean_experts: float) -> int:
        """Weights that a token meets, embeddings apart, if `mean_experts` experts run for it in each mixture."""
        experts = sum(p.numel() for n, p in self.named_parameters() if ".experts." in n)
        words = self.words.weight.numel()
        every = sum(p.numel() for p in self.parameters())
        return round(every - words - experts + experts * mean_experts / self.config.n_experts)

    def _embed(
        self, images: Tensor | None, questions: Tensor, answers: Tensor, has_image: Tensor | None
    ) -> tuple[Tensor, Tensor, Layout]:
        """Tokens [N, d], what names each (word, or vocabulary + place of a patch) int64 [N], and their layout."""
        c = self.config
        b = questions.shape[0]
        if questions.dim() != 2 or questions.shape[1] != c.question_length:
            raise BadShape(f"questions of shape {tuple(questions.shape)}", f"give [B, {c.question_length}]")
        if b and not bool((questions[:, -1] != 0).all()):
            raise BadShape("a question whose last token is padding", "pad questions on the left")
        text = torch.cat((questions, answers), 1)
        v, length = c.visual_tokens, text.shape[1]
        ids = questions.new_zeros(b, v + length)
        ids[:, :v] = torch.arange(c.vocabulary, c.vocabulary + v, device=text.device)
        ids[:, v:] = text
        valid = ids != 0
        if images is None:
            valid[:, :v] = False
            visual = self.places.new_zeros(b, v, c.d)
        else:
            if tuple(images.shape) != (b, c.image, c.image, 3):
                raise BadShape(f"images of shape {tuple(images.shape)}", f"give [{b}, {c.image}, {c.image}, 3]")
            visual = self.patches(self._patches(images))
            if has_image is not None:
                valid[:, :v] &= has_image[:, None]
        words = self.words(text) + self.modality[0]
        x = torch.cat((visual.to(words.dtype) + self.modality[1], words), 1) + self.places[: v + length]
        layout = lay_out(valid, v)
        return layout.pack(x), layout.pack(ids[..., None])[:, 0], layout

    def _patches(self, images: Tensor) -> Tensor:
        """uint8 [B, H, W, 3] -> float [B, patches, patch * patch * 3], about -2 .. 2."""
        n, p = self.config.image // self.config.patch, self.config.patch
        tiles = images.view(-1, n, p, n, p, 3).permute(0, 1, 3, 2, 4, 5).reshape(-1, n * n, p * p * 3)
        return (tiles.float() - 127.5) / 64

    def _blocks(
        self,
        x: Tensor,
        ids: Tensor,
        layout: Layout,
        prefix: Prefix | None,
        generator: torch.Generator | None,
        keep_attention: bool,
    ) -> tuple[Tensor, list[Routing], list[Cache], list[Tensor]]:
        routings: list[Routing] = []
        caches: list[Cache] = []
        kept: list[Tensor] = []
        # The soft modality score is for training alone: at inference SMoES is top-k.
        wanted = self.training and self.config.scores == "attention" and prefix is None
        score = layout.unpack(one_hot(layout.modality)) if wanted else None
        for number, block in enumerate(self._each_block()):
            qkv = layout.unpack(block.attention.project(block.before(x)))
            past = None if prefix is None else prefix.caches[number]
            mixed, probabilities, cache = block.attention.attend(qkv, layout.bias, layout.valid, past)
            caches.append(cache)
            if keep_attention:
                kept.append(probabilities)
            attended = block.attention.out(layout.pack(mixed))
            if score is not None:
                score = propagate(score, probabilities, layout.unpack(attended), layout.unpack(x))
            x = x + attended
            if isinstance(block.layer, Dense):
                y, _ = block.layer(block.between(x))
            else:
                context = Context(
                    modality=layout.modality,
                    token=ids,
                    sample=layout.sample,
                    layer=len(routings),
                    previous_logits=routings[-1].logits if routings else None,
                    modality_score=None if score is None else layout.pack(score),
                    generator=generator,
                )
                y, routing = block.layer(block.between(x), context)
                if routing is not None:
                    routings.append(routing)
            x = x + y
        return x, routings, caches, kept

    def _each_block(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def _logits(self, x: Tensor) -> Tensor:
        return functional.linear(self.norm(x), self.head.weight, self.head.bias).float()
