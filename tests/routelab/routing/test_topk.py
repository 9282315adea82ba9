"""Top-k and sigmoid top-k against a slow reference, and what they do with bad input."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import topk as slow  # noqa: E402
from tests.routelab.routing_cases import (  # noqa: E402
    array,
    as_identity,
    assert_same,
    close,
    logit_cases,
    number,
    numeric_gradient,
    pairs,
)

from routelab import BadShape  # noqa: E402
from routelab.routing import TopK, build  # noqa: E402

FILE = ROUTING / "topk.py"
MUTATIONS = (
    Mutation("weight = weight / weight.sum", "weight = weight * weight.sum"),
    Mutation("(s + self.bias)", "(s - self.bias)"),
    Mutation("self.scale * chosen", "self.scale / chosen"),
    Mutation("mean() - self.load_since", "mean() + self.load_since"),
    Mutation("self.bias += self.step", "self.bias -= self.step"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
    Mutation("self.z_coefficient * z_loss", "self.z_coefficient / z_loss"),
)


def pin(module: types.ModuleType) -> None:
    plain, biased = module.TopK(6, 6, 2), module.SigmoidBias(6, 6, 2)
    assert (plain.balance, plain.z_coefficient, plain.normalise) == (0.01, 0.0, True)
    assert (biased.scale, biased.step) == (1.0, 1e-3)
    module.SigmoidBias(6, 6, 2, step=0.0)  # no bias is a choice
    for wrong in ({"scale": 0.0}, {"scale": 0.5, "step": -0.1}):
        with pytest.raises(BadShape):
            module.SigmoidBias(6, 6, 2, **wrong)
    for k in (1, 3, 6):
        for z in logit_cases(6):
            for normalise in (True, False):
                router = module.TopK(6, 6, k, normalise=normalise, balance=0.3, z_coefficient=0.2)
                as_identity(router.gate)
                got, want = router(z), slow.route(array(z), k, normalise)
                assert_same(pairs(got), want, array(z))
                assert got.k_max == k
                if len(z):
                    chosen = [list(row) for row in pairs(got)]
                    close(number(got.aux["balance"]), 0.3 * slow.balance(array(z), chosen))
                    close(number(got.aux["z"]), 0.2 * slow.z_loss(array(z)))
            router = module.SigmoidBias(6, 6, k, scale=2.446, step=0.25)
            as_identity(router.gate)
            bias = torch.tensor([0.5, 0.0, -0.5, 1.0, 0.0, -0.1])
            router.bias.copy_(bias)
            got = router(z)
            assert_same(pairs(got), slow.route_sigmoid(array(z), array(bias), k, 2.446), array(z) + 100 * array(bias))
            load_of = np.bincount([e for row in pairs(got) for e in row], minlength=6)
            router.update_bias()
            close(router.bias, array(bias) + 0.25 * np.sign(load_of.mean() - load_of))
            assert not bool(router.load_since.any())


def test_topk_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_gradient_of_the_weights() -> None:
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    c = np.arange(1.0, 6.0)
    router = TopK(5, 5, 2)
    as_identity(router.gate)
    x = z.clone().requires_grad_()
    routing = router(x)
    (routing.weight * torch.tensor(c, dtype=torch.float32)[routing.index]).sum().backward()

    def of(logits: slow.Array) -> float:
        return sum(c[e] * w for row in slow.route(logits, 2) for e, w in row.items())

    close(x.grad, numeric_gradient(of, array(z)), 1e-4)


def test_bfloat16_tokens_get_float32_weights() -> None:
    router = TopK(16, 8, 2).bfloat16()
    routing = router(torch.randn(5, 16).bfloat16()).checked()
    assert routing.weight.dtype == torch.float32
    close(routing.weight.detach().sum(-1), np.ones(5))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("topk", {"k": 9}, "9 slots for 8 experts"),
        ("topk", {"k": 0}, "0 slots for 8 experts"),
        ("topk", {"k": 2, "rho": 1}, "takes no rho"),
        ("top-k", {"k": 2}, "there is no router 'top-k'"),
        ("sigmoid_bias", {"k": 2, "scale": -1.0}, "scale -1.0"),
    ],
)
def test_numbers_that_do_not_fit(name: str, options: dict[str, float], says: str) -> None:
    with pytest.raises(BadShape, match=says):
        build(name, 4, 8, **options)


def test_no_expert_wrong_width_and_logits_that_are_no_numbers() -> None:
    with pytest.raises(BadShape, match="0 experts"):
        build("topk", 4, 0, k=1)
    router = build("topk", 4, 8, k=2)
    with pytest.raises(BadShape, match="tokens of shape"):
        router(torch.randn(3, 5))
    x = torch.randn(3, 4)
    x[1, 2] = float("nan")
    with pytest.raises(BadShape, match="1 of 3 tokens are not finite"):
        router(x)


def test_without_gradients_a_balance_loss_is_neither_computed_nor_missed() -> None:
    router, x = TopK(8, 8, 2), torch.randn(40, 8)
    trained = router(x)
    with torch.no_grad():
        routing = router(x)
    assert number(trained.aux["balance"]) > 0
    assert number(routing.aux["balance"]) == number(routing.loss()) == 0
    assert torch.equal(routing.weight, trained.weight)
    assert routing.load().sum() == 80
