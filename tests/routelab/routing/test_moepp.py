"""MoE++ against a slow reference: free entries, gating residual, balance."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import dynamic as slow  # noqa: E402
from tests.routelab.routing_cases import array, as_identity, assert_same, close, logit_cases, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import Context, MoEPlusPlus, build  # noqa: E402

FILE = ROUTING / "moepp.py"
MUTATIONS = (
    Mutation("real = entry < self.n_experts", "real = entry > self.n_experts"),
    Mutation("entry == self.n_entries - 1", "entry == self.n_entries - 2"),
    Mutation("weight = weight / torch.where", "weight = weight * torch.where"),
    Mutation("torch.where(computes, 1.0, self.tau)", "torch.where(computes, 2.0, self.tau)"),
    Mutation("of_token = copy + ", "of_token = copy - "),
    Mutation("constant * a[..., 0]", "constant * a[..., 1]"),
    Mutation("of_vector = constant * a", "of_vector = constant + a"),
    Mutation("z = z + self.residual", "z = z - self.residual"),
    Mutation("z + self.shift * computes", "z - self.shift * computes"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
)


def pin(module: types.ModuleType) -> None:
    for k in (1, 2, 4):
        for z in logit_cases(8):
            ties = len({float(v) for v in z.flatten()}) <= 3
            for weights in ("released", "normalised", "softmax"):
                router = module.MoEPlusPlus(8, 4, k, tau=0.6, balance=0.3, weights=weights)
                as_identity(router.gate)
                got = router(z)
                if ties:
                    got.checked()
                    continue
                computing, free = slow.moepp(array(z), 4, k, weights)
                assert_same(pairs(got), computing, array(z))
                added = slow.moepp_free(array(z), free, 4, array(router.mix), array(router.constant))
                close(got.bypass.detach(), added)
                if len(z):
                    chosen = [{**a, **b} for a, b in zip(computing, free, strict=True)]
                    close(float(got.aux["balance"].detach()), 0.3 * slow.moepp_balance(array(z), chosen, 4, 0.6))
                    kinds = [e for row in free for e in row]
                    total = k * len(z)
                    close(float(got.statistics["constant_share"]), sum(e in (4, 5) for e in kinds) / total)
                    close(float(got.statistics["copy_share"]), kinds.count(6) / total)
                    close(float(got.statistics["zero_share"]), kinds.count(7) / total)
    by_default = module.MoEPlusPlus(8, 4, 2, gate="tanh")
    assert (by_default.tau, by_default.balance, by_default.gate[0].out_features) == (0.75, 0.01, 64)
    g = torch.Generator().manual_seed(8)
    z, before = torch.randn(30, 8, generator=g), torch.randn(30, 8, generator=g)
    router = module.MoEPlusPlus(8, 4, 3)
    as_identity(router.gate)
    summed = array(z) + array(before) @ array(router.residual.weight).T
    got = router(z, Context(previous_logits=before))
    assert_same(pairs(got), slow.moepp(summed, 4, 3, "released")[0], summed)
    close(got.logits.detach(), summed)
    router.shift = 0.8
    moved = array(z) + 0.8 * (np.arange(8) < 4)
    assert_same(pairs(router(z)), slow.moepp(moved, 4, 3, "released")[0], moved)


def test_moepp_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_a_token_of_the_zero_expert_alone_adds_nothing_and_has_a_finite_gradient() -> None:
    router = MoEPlusPlus(8, 4, 1)
    as_identity(router.gate)
    x = torch.zeros(2, 8)
    x[:, 7] = 9.0
    x.requires_grad_()
    routing = router(x).checked()
    assert routing.assignments() == 0 and not bool(routing.bypass.any())
    (routing.bypass.sum() + routing.loss()).backward()
    assert bool(torch.isfinite(x.grad).all())


def test_the_learned_parts_get_gradients_and_other_shapes_are_refused() -> None:
    router = MoEPlusPlus(8, 4, 3, gate="tanh")
    x = torch.randn(60, 8)
    routing = router(x, Context(previous_logits=torch.randn(60, 8))).checked()
    (routing.bypass.square().sum() + routing.weight.square().sum()).backward()
    for name, weight in router.named_parameters():
        assert weight.grad is not None and bool(weight.grad.any()), name
    with pytest.raises(BadShape, match="of the layer before"):
        router(x, Context(previous_logits=torch.randn(60, 4)))
    with pytest.raises(BadShape, match="tau 0"):
        build("moepp", 8, 4, k=2, tau=0)
    with pytest.raises(BadShape, match="no weights 'x'"):
        build("moepp", 8, 4, k=2, weights="x")
    bare = build("moepp", 8, 4, k=2, n_constant=0, residual=False)
    assert bare(x, Context(previous_logits=torch.randn(60, 4))).checked().bypass.shape == (60, 8)
    half = build("moepp", 8, 4, k=2).bfloat16()(x.bfloat16()).checked()
    assert half.bypass.dtype == torch.bfloat16 and half.weight.dtype == torch.float32
