"""AdaMoE against a slow reference."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import dynamic as slow  # noqa: E402
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
from routelab.routing import AdaMoE, build  # noqa: E402

FILE = ROUTING / "adamoe.py"
MUTATIONS = (
    Mutation("real = entry < self.n_experts", "real = entry > self.n_experts"),
    Mutation("weight / torch.where", "weight * torch.where"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
    Mutation(":] - self.shift", ":] + self.shift"),
    Mutation("where(total > 0", "where(total < 0"),
    Mutation('null_load == "averaged"', 'null_load != "averaged"'),
)


def pin(module: types.ModuleType) -> None:
    for k in (1, 3, 4):
        for z in logit_cases(7):
            for null_load in ("averaged", "released"):
                router = module.AdaMoE(7, 4, k, n_null=3, balance=0.3, null_load=null_load)
                as_identity(router.gate)
                got = router(z)
                want, chosen = slow.adamoe(array(z), 4, k)
                if len({float(v) for v in z.flatten()}) > 3:  # without ties, nulls included
                    assert_same(pairs(got), want, array(z))
                    if len(z):
                        balance = slow.adamoe_balance(array(z), chosen, 4, null_load == "averaged")
                        close(float(got.aux["balance"].detach()), 0.3 * balance)
                else:
                    got.checked()
                    total = got.weight.sum(-1).detach()
                    close(total, got.real.any(-1).double())
    assert module.AdaMoE(7, 4, 3, n_null=1).balance == 0.01
    z = torch.randn(50, 7, generator=torch.Generator().manual_seed(3))
    router = module.AdaMoE(7, 4, 3, n_null=3)
    as_identity(router.gate)
    router.shift = 0.7
    moved = array(z)
    moved[:, 4:] -= 0.7
    assert_same(pairs(router(z)), slow.adamoe(moved, 4, 3)[0], moved)


def test_adamoe_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_a_token_of_nulls_alone_has_no_expert_and_a_finite_gradient() -> None:
    router = AdaMoE(6, 4, 2, n_null=2)
    as_identity(router.gate)
    x = torch.zeros(3, 6)
    x[:, 4:] = 9.0
    x.requires_grad_()
    routing = router(x).checked()
    assert routing.assignments() == 0 and not bool(routing.weight.any())
    (routing.weight.sum() + routing.loss()).backward()
    assert bool(torch.isfinite(x.grad).all())


def test_gradient_of_the_weights() -> None:
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    c = np.arange(1.0, 5.0)
    router = AdaMoE(6, 4, 3, n_null=2)
    as_identity(router.gate)
    x = z.clone().requires_grad_()
    routing = router(x)
    (routing.weight * torch.tensor(c, dtype=torch.float32)[routing.index]).sum().backward()

    def of(logits: slow.Array) -> float:
        return sum(c[e] * w for row in slow.adamoe(logits, 4, 3)[0] for e, w in row.items())

    close(x.grad, numeric_gradient(of, array(z)), 1e-4)


def test_numbers_that_do_not_fit_and_bfloat16() -> None:
    with pytest.raises(BadShape, match="0 null experts"):
        build("adamoe", 8, 4, k=2, n_null=0)
    with pytest.raises(BadShape, match="no null_load"):
        build("adamoe", 8, 4, k=2, n_null=1, null_load="x")
    routing = build("adamoe", 8, 4, k=2, n_null=2).bfloat16()(torch.randn(9, 8).bfloat16()).checked()
    assert routing.weight.dtype == torch.float32
