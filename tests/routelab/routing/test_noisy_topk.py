"""Noisy top-k against a slow reference: choice, penalties, both load estimators."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import soft as slow  # noqa: E402
from tests.routelab.routing_cases import array, as_identity, assert_same, close, logit_cases, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import Context, NoisyTopK, build  # noqa: E402

FILE = ROUTING / "noisy_topk.py"
MUTATIONS = (
    Mutation(".float()) + 0.3", ".float()) + 0.4"),
    Mutation("self.n_experts - 1", "self.n_experts - 0"),
    Mutation("h = g + eps * deviation\n", "h = g - eps * deviation\n"),
    Mutation("g + eps * deviation\n", "g + eps / deviation\n"),
    Mutation("math.sqrt(2)", "math.sqrt(3)"),
    Mutation("(g - bar)", "(g + bar)"),
    Mutation('estimator == "shazeer"', 'estimator != "shazeer"'),
    Mutation("self.importance * squared", "self.importance / squared"),
    Mutation("self.load * squared", "self.load / squared"),
    Mutation("mean.square() + 1e-16", "mean.square() + 1e+16"),
)


def pin(module: types.ModuleType) -> None:
    g = torch.Generator().manual_seed(9)
    for k in (1, 2, 6):
        for z in logit_cases(6):
            for estimator in ("released", "shazeer"):
                router = module.NoisyTopK(6, 6, k, importance=0.2, load=0.3, load_estimator=estimator)
                as_identity(router.gate)
                with torch.no_grad():
                    router.gate.bias.zero_()
                    router.noise.weight.copy_(torch.randn(6, 6, generator=g))
                seed = int(torch.randint(1000, (1,), generator=g))
                noise = array(torch.randn(z.shape, generator=torch.Generator().manual_seed(seed)))
                got = router(z, Context(generator=torch.Generator().manual_seed(seed)))
                raw = array(torch.nn.functional.linear(z, router.noise.weight, router.noise.bias))
                want = slow.noisy_topk(array(z), noise, raw, k)
                assert_same(pairs(got), want, np.zeros_like(array(z)) + np.arange(6), 1e-4)
                if len(z):
                    share = [sum(row.get(e, 0.0) for row in want) for e in range(6)]
                    of_load = slow.smooth_load(array(z), noise, raw, k) if estimator == "shazeer" else share
                    close(float(got.aux["importance"].detach()), 0.2 * slow.squared_variation(share), 1e-4)
                    close(float(got.aux["load"].detach()), 0.3 * slow.squared_variation(of_load), 1e-4)
                    close(got.statistics["load"], of_load, 1e-4)
                    close(got.statistics["importance"], share, 1e-4)
                router.eval()
                calm = slow.noisy_topk(array(z), 0 * noise, raw, k)
                assert_same(pairs(router(z)), calm, np.array([slow.standardised(list(row)) for row in array(z)]), 1e-4)


    by_default = module.NoisyTopK(6, 6)
    assert (by_default.k, by_default.importance, by_default.load) == (2, 0.2, 0.2)
    as_identity(by_default.gate)
    with torch.no_grad():
        by_default.gate.bias.zero_()
    z = 1e-5 * torch.randn(9, 6, generator=g)  # as small as what is added to the deviation
    calm = np.array([slow.standardised(list(row)) for row in array(z)])
    close(by_default.eval()(z).logits.detach(), calm, 1e-4)


def test_noisy_topk_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_the_released_load_penalty_is_the_importance_penalty_again() -> None:
    router = NoisyTopK(8, 6, 2)
    routing = router(torch.randn(100, 8))
    assert routing.aux["load"].item() == routing.aux["importance"].item()
    other = NoisyTopK(8, 6, 2, load_estimator="shazeer")
    routing = other(torch.randn(100, 8))
    assert routing.aux["load"].item() != routing.aux["importance"].item()
    assert float(routing.statistics["load"].sum()) == pytest.approx(200, rel=0.1)


def test_equal_logits_an_empty_batch_and_wrong_numbers() -> None:
    router = NoisyTopK(8, 6, 2, load_estimator="shazeer")
    x = torch.zeros(5, 8, requires_grad=True)
    routing = router(x).checked()
    routing.loss().backward()
    assert bool(torch.isfinite(x.grad).all())
    assert router(torch.zeros(0, 8)).loss().item() == 0.0
    with pytest.raises(BadShape, match="no load estimator"):
        build("noisy_topk", 8, 6, load_estimator="x")
    with pytest.raises(BadShape, match="no deviation"):
        build("noisy_topk", 8, 1, k=1)
