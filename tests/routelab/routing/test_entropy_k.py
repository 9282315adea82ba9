"""Entropy-driven k against a slow reference, its hinge, and the gradient that reaches k."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import dynamic as slow  # noqa: E402
from tests.routelab.reference import topk as plain  # noqa: E402
from tests.routelab.routing_cases import (  # noqa: E402
    array,
    as_identity,
    assert_same,
    close,
    logit_cases,
    numeric_gradient,
    pairs,
)

from routelab import BadShape  # noqa: E402
from routelab.routing import EntropyK, build  # noqa: E402

FILE = ROUTING / "entropy_k.py"
MUTATIONS = (
    Mutation("self.shift + 0.5)", "self.shift + 0.6)"),
    Mutation("q * (slot + 1)", "q * (slot + 2)"),
    Mutation("real = slot < k", "real = slot > k"),
    Mutation("chosen * (1 + soft", "chosen * (0 + soft"),
    Mutation("weight / weight.sum", "weight * weight.sum"),
    Mutation("self.margin * more - fewer", "self.margin * more + fewer"),
    Mutation("fewer * torch.sign", "fewer + torch.sign"),
    Mutation("n * (n - 1) / 2", "n * (n - 1) / 3"),
    Mutation("torch.where(more > 0", "torch.where(more < 0"),
    Mutation("expected.unsqueeze(-1) - slot", "expected.unsqueeze(-1) + slot"),
)


def pin(module: types.ModuleType) -> None:
    g = torch.Generator().manual_seed(2)
    for k_max in (1, 4, 6):
        a, b = 3 * torch.randn(k_max, generator=g), torch.randn(k_max, generator=g)
        for z in logit_cases(6):
            for every in (False, True):
                router = module.EntropyK(
                    6, 6, k_max, balance=0.3, hinge=0.5, margin=1.3, pairs="all" if every else "half"
                )
                as_identity(router.gate)
                with torch.no_grad():
                    router.head.weight.copy_(a[:, None])
                    router.head.bias.copy_(b)
                got, want = router(z), slow.entropy_k(array(z), a.tolist(), b.tolist())
                assert_same(pairs(got), want, array(z))
                if len(z):
                    rows = [list(row) for row in pairs(got)]
                    close(float(got.aux["balance"].detach()), 0.3 * plain.balance(array(z), rows))
                if len(z) > 1 and len({float(v) for v in z.flatten()}) > 3:
                    hinge = slow.monotone(array(z), a.tolist(), b.tolist(), 1.3, every)
                    close(float(got.aux["monotone"].detach()), 0.5 * hinge, 1e-4)
    z = torch.randn(20, 6, generator=g)
    router = module.EntropyK(6, 6, 4)
    assert (router.margin, router.hinge, router.balance) == (1.2, 1.0, 0.001)
    as_identity(router.gate)
    slope = [-2.0, 0.0, 1.0, 1.5]
    with torch.no_grad():
        router.head.weight.copy_(torch.tensor(slope)[:, None])
    offset = router.head.bias.tolist()
    router.shift = 0.6
    got = router(z)
    assert_same(pairs(got), slow.entropy_k(array(z), slope, offset, 0.6), array(z))
    router.shift = 0.0
    got = router(z)
    slots = got.real.sum(1).double().numpy()
    close(float(got.statistics["k_std"]), slots.std())
    close(float(got.statistics["entropy"]), np.mean([slow.entropy(list(row)) for row in array(z)]))
    c = torch.tensor([1.0, -2.0, 3.0, 0.5])
    (gradient,) = torch.autograd.grad((got.weight * c).sum(), router.head.bias)
    far = numeric_gradient(lambda b: slow.soft_sum(array(z), slope, list(b), offset, c.tolist()), np.array(offset))
    close(gradient, far, 1e-4)
    got = router(z)
    (got.weight[:, 0].sum()).backward()  # fewer experts: more weight to the first
    turn = float(router.head.weight.grad[3] - router.head.weight.grad[0])
    assert turn < -1e-3, "more expected experts must take weight from the first"


def test_entropy_k_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_training_on_the_hinge_alone_gives_unsure_tokens_more_experts() -> None:
    router = EntropyK(6, 6, 6)
    as_identity(router.gate)
    router.gate.requires_grad_(False)
    sure, unsure = 6 * torch.randn(64, 6), 0.1 * torch.randn(64, 6)
    x = torch.cat([sure, unsure])
    optimiser = torch.optim.Adam(router.head.parameters(), lr=0.2)
    for _ in range(40):
        optimiser.zero_grad()
        router(x).aux["monotone"].backward()
        optimiser.step()
    slots = router(x).real.sum(1).double()
    assert float(slots[64:].mean() - slots[:64].mean()) > 1


def test_the_shift_moves_k_and_options_are_checked() -> None:
    router = build("entropy_k", 8, 6, k_max=4)
    x = torch.randn(50, 8)
    router.shift = 10.0
    assert router(x).mean_real_experts() == 4
    router.shift = -10.0
    assert router(x).mean_real_experts() == 1
    with pytest.raises(BadShape, match="no pairs"):
        build("entropy_k", 8, 6, k_max=4, pairs="x")
    assert router.bfloat16()(x.bfloat16()).checked().weight.dtype == torch.float32
