"""Fractional k against a slow reference: its mean, and its state shared with top-k."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import blind as slow  # noqa: E402
from tests.routelab.reference import topk as slow_topk  # noqa: E402
from tests.routelab.routing_cases import (  # noqa: E402
    array,
    as_identity,
    assert_same,
    close,
    logit_cases,
    number,
    pairs,
)

from routelab import BadShape  # noqa: E402
from routelab.routing import Context, FractionalK, TopK, build  # noqa: E402

FILE = ROUTING / "fractional.py"
MUTATIONS = (
    Mutation("< slots[:, None]", "> slots[:, None]"),
    Mutation("weight = weight / weight", "weight = weight * weight"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
    Mutation("(mean - low) * n + shift", "(mean + low) * n + shift"),
    Mutation("* n + shift", "* n - shift"),
    Mutation("low + (rank < more)", "low - (rank < more)"),
    Mutation("(rank < more)", "(rank > more)"),
)


def pin(module: types.ModuleType) -> None:
    assert module.FractionalK(6, 6, 2.5).balance == 0.01
    assert module.FractionalK(6, 6, 2.5).k_max == 3
    for mean in (0.9, 6.1):
        with pytest.raises(BadShape):
            module.FractionalK(6, 6, mean, most=6)
    for mean in (1, 2.4, 5.4, 6):
        for seed, z in enumerate(logit_cases(6)):
            router = module.FractionalK(6, 6, mean, balance=0.2)
            as_identity(router.gate)
            got = router(z, Context(generator=torch.Generator().manual_seed(seed)))
            g = torch.Generator().manual_seed(seed)
            shift = number(torch.rand((), generator=g, dtype=torch.float64))
            order = torch.randperm(len(z), generator=g).tolist()
            assert_same(pairs(got), slow.fractional(array(z), mean, shift, order), array(z))
            if len(z):
                chosen = [list(row) for row in pairs(got)]
                close(number(got.aux["balance"]), 0.2 * slow_topk.balance(array(z), chosen))


def test_fractional_k_is_what_its_draw_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_the_mean_is_what_was_asked_for(n: int) -> None:
    router, context = FractionalK(4, 8, 5.4), Context(generator=torch.Generator().manual_seed(2))
    calls = 4000 // n
    means = [router(torch.randn(n, 4), context).mean_real_experts() for _ in range(calls)]
    assert all(abs(mean - 5.4) < 1 / n for mean in means)
    assert abs(sum(means) / calls - 5.4) < 4 * min(0.5, 1 / n) / calls**0.5


def test_the_weights_of_a_top_k_model_run_with_another_mean() -> None:
    trained, router = TopK(4, 8, 6), FractionalK(4, 8, 6, most=6)
    router.load_state_dict(trained.state_dict())
    x = torch.randn(20, 4)
    assert pairs(trained(x)) == pairs(router(x))
    router.set_mean(5.4)
    assert router(x).k_max == 6
    assert abs(router(x).mean_real_experts() - 5.4) <= 0.05
    with pytest.raises(BadShape, match=r"a mean of 6\.5 experts in 6 slots"):
        router.set_mean(6.5)


@pytest.mark.parametrize("mean", [0.5, 8.5, float("nan"), float("inf")])
def test_a_mean_that_does_not_fit(mean: float) -> None:
    with pytest.raises(BadShape):
        build("fractional_k", 4, 8, mean_k=mean)
