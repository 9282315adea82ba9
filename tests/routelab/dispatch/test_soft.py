"""Soft MoE: its weights and its layer against a slow reference; samples of any length; text beside images."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import soft as slow  # noqa: E402
from tests.routelab.routing_cases import array, close  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.dispatch import Experts, MoELayer, SoftMoELayer, VisionSoftMoE  # noqa: E402
from routelab.routing import TEXT, VISION, Context, SoftSlots, TopK  # noqa: E402

FILE = ROUTING / "soft.py"
MUTATIONS = (
    Mutation("self.scale.float() * unit", "self.scale.float() / unit"),
    Mutation("unit(phi, 0)", "unit(phi, 1)"),
    Mutation("unit(x.float(), -1)", "unit(x.float(), 1)"),
    Mutation("torch.softmax(logits, 1), torch", "torch.softmax(logits, 2), torch"),
    Mutation("x * torch.rsqrt", "x / torch.rsqrt"),
    Mutation("+ 1e-6", "+ 1e-1"),
    Mutation("masked_fill(~there", "masked_fill(there"),
)


def pin(module: types.ModuleType) -> None:
    for seed, (m, d, e, p) in enumerate([(1, 4, 3, 1), (7, 5, 3, 2), (4, 4, 1, 1), (6, 3, 2, 4)]):
        torch.manual_seed(seed)
        slots = module.SoftSlots(d, e, p)
        with torch.no_grad():
            slots.scale.fill_(2.5)
        x = torch.randn(2, m, d) * 0.3
        got_d, got_c = slots(x)
        for b in range(2):
            want_d, want_c, _ = slow.soft_moe(array(x[b]), array(slots.phi), 2.5, lambda _, v: v)
            close(got_d[b].detach(), want_d)
            close(got_c[b].detach(), want_c)
        there = torch.ones(2, m, dtype=torch.bool)
        there[1, (m + 1) // 2 :] = False
        part, _ = slots(x, there)
        want, _, _ = slow.soft_moe(array(x[1, : (m + 1) // 2]), array(slots.phi), 2.5, lambda _, v: v)
        close(part[1, : (m + 1) // 2].detach(), want)
        assert not bool(part[1, (m + 1) // 2 :].any())
        close(slots.ratio(m), e * p / m)
    noisy = module.SoftSlots(4, 3, 1, noise=0.5)
    x = 1e-9 * torch.randn(1, 4000, 4)  # logits of nothing but the noise
    _, combine = noisy(x)
    spread = (combine.log() - combine.log().mean(-1, keepdim=True)).std()
    assert 0.47 < float(spread.detach()) * (3 / 2) ** 0.5 < 0.53
    assert torch.equal(noisy.eval()(x)[1], noisy(x)[1])


def test_the_weights_are_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


@pytest.mark.parametrize("kind", ["gelu", "swiglu"])
def test_the_layer_over_samples_of_any_length_in_any_order(kind: str) -> None:
    layer = SoftMoELayer(SoftSlots(6, 3, 2), Experts(3, 6, 8, kind))
    x = torch.randn(15, 6)
    sample = torch.tensor([2] * 4 + [0] * 10 + [3])[torch.randperm(15)]  # none of sample 1, one token of sample 3
    y, routing = layer(x, Context(sample=sample))
    assert routing is None
    for i in (0, 2, 3):

        def expert(e: int, v: slow.Array) -> slow.Array:
            return array(layer.experts.one(e, torch.tensor(v, dtype=torch.float32)[None]))[0]

        _, _, want = slow.soft_moe(array(x[sample == i]), array(layer.slots.phi), 1.0, expert)
        close(y[sample == i].detach(), want, 1e-4)


def test_no_token_half_precision_and_gradients() -> None:
    layer = SoftMoELayer(SoftSlots(8, 4, 2), Experts(4, 8, 16))
    empty, _ = layer(torch.zeros(0, 8), Context(sample=torch.zeros(0, dtype=torch.int64)))
    assert empty.shape == (0, 8)
    x = torch.randn(12, 8)
    whole, _ = layer(x)
    whole.square().sum().backward()
    for name, weight in layer.named_parameters():
        assert weight.grad is not None and bool(weight.grad.any()), name
    half, _ = layer.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16 and ((half.float() - whole).norm() / whole.norm()).item() < 2e-2


def test_experts_that_are_copies_and_tokens_that_are_equal() -> None:
    layer = SoftMoELayer(SoftSlots(8, 4, 2), Experts(4, 8, 16))
    layer.experts.copy_to_all()
    x = torch.randn(1, 8).expand(5, 8)
    close(layer(x)[0].detach(), layer.experts.one(0, x).detach())


def test_text_keeps_its_router_and_does_not_see_the_image() -> None:
    experts = Experts(4, 8, 16)
    layer = VisionSoftMoE(SoftSlots(8, 4, 2), TopK(8, 4, 2), experts, "loop")
    modality = torch.tensor([VISION] * 6 + [TEXT] * 4 + [VISION] * 6 + [TEXT] * 4)
    sample = torch.tensor([0] * 10 + [1] * 10)
    x = torch.randn(20, 8)
    y, routing = layer(x, Context(modality=modality, sample=sample))
    text = modality == TEXT
    want, _ = MoELayer(layer.text.router, experts, "loop")(x[text])
    close(y[text].detach(), want.detach())
    image, _ = layer.soft(x[:6])
    close(y[:6].detach(), image.detach())
    routing.checked()
    assert np.array_equal(routing.real.any(1).numpy(), text.numpy()) and routing.assignments() == 16
    nothing_seen, routing = layer(x[6:10], Context(modality=modality[6:10], sample=sample[6:10]))
    close(nothing_seen.detach(), y[6:10].detach())
    nothing_read, routing = layer(x[:6], Context(modality=modality[:6]))
    close(nothing_read.detach(), y[:6].detach())
    assert routing.assignments() == 0
    with pytest.raises(BadShape, match="without their modality"):
        layer(x)


def test_under_autocast_weights_and_choices_stay_those_of_float32() -> None:
    layer = VisionSoftMoE(SoftSlots(64, 32, 2), TopK(64, 32, 6), Experts(32, 64, 16), "loop")
    x = torch.randn(200, 64)
    context = Context(modality=torch.arange(200) % 2, sample=torch.arange(200) // 20)
    plain, plainly = layer(x, context)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, roundly = layer(x, context)
        weights = layer.soft.slots(x[None])
    assert torch.equal(plainly.index, roundly.index) and torch.equal(plainly.weight, roundly.weight)
    assert all(torch.equal(a, b) for a, b in zip(weights, layer.soft.slots(x[None]), strict=True))
    assert 0 < ((rounded - plain).norm() / plain.norm()).item() < 2e-2, "the experts do run in bfloat16"


def test_numbers_that_do_not_fit() -> None:
    with pytest.raises(BadShape, match="0 slots"):
        SoftSlots(8, 4, 0)
    with pytest.raises(BadShape, match="differ in width"):
        SoftMoELayer(SoftSlots(8, 4), Experts(3, 8, 16))
    layer = SoftMoELayer(SoftSlots(8, 4), Experts(4, 8, 16))
    with pytest.raises(BadShape, match="of 3 tokens"):
        layer(torch.randn(3, 8), Context(sample=torch.tensor([0, 1])))
    with pytest.raises(BadShape, match="samples of shape"):
        layer.slots(torch.randn(3, 8))
    assert layer.slots.ratio(16) == 0.25
