"""Piggy-back routing against a slow reference; what it loads; that it is top-k where k0 is k."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import choosing as slow  # noqa: E402
from tests.routelab.routing_cases import array, as_identity, assert_same, logit_cases, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import PiggyBack, TopK, build  # noqa: E402

FILE = ROUTING / "piggyback.py"
MUTATIONS = (
    Mutation("(~free)", "(+free)"),
    Mutation("indices[:, : self.k0]", "indices[:, : self.k]"),
    Mutation("weight = weight / weight.sum", "weight = weight * weight.sum"),
    Mutation("dim=-1, stable=True", "dim=-2, stable=True"),
)


def pin(module: types.ModuleType) -> None:
    for k, k0, limit in ((1, 1, None), (3, 1, None), (3, 2, 4), (6, 2, None), (3, 3, None)):
        for z in logit_cases(6):
            router = module.PiggyBack(6, 6, k, k0, rank_limit=limit)
            as_identity(router.gate)
            got = router(z)
            if len({float(v) for v in z.flatten()}) <= 3 and len(z):
                got.checked()  # ties: which expert is loaded is not said
                continue
            want, loaded = slow.piggyback(array(z), k, k0, limit or 6)
            assert_same(pairs(got), want, array(z))
            assert got.distinct_experts() <= loaded == int(got.statistics["loaded"])


def test_piggyback_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_with_k0_of_k_it_is_top_k_and_with_less_it_loads_fewer() -> None:
    stock = TopK(32, 64, 6)
    x = torch.randn(16, 32)
    routers = [PiggyBack(32, 64, 6, k0) for k0 in (1, 3, 6)]
    for router in routers:
        router.load_state_dict(stock.state_dict())
    few, some, all_of_it = (router(x).checked() for router in routers)
    plain = stock(x)
    assert torch.equal(all_of_it.index, plain.index) and torch.equal(all_of_it.weight, plain.weight)
    assert few.distinct_experts() < some.distinct_experts() < plain.distinct_experts()
    assert some.mean_real_experts() > 3


def test_a_token_alone_has_k0_and_numbers_that_do_not_fit() -> None:
    assert build("piggyback", 8, 16, k=6, k0=2)(torch.randn(1, 8)).assignments() == 2
    with pytest.raises(BadShape, match="k0 4 of k 3"):
        build("piggyback", 8, 16, k=3, k0=4)
    with pytest.raises(BadShape, match="within rank 2"):
        build("piggyback", 8, 16, k=3, k0=1, rank_limit=2)
