"""Random, frozen and hash routing against slow references."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import blind as slow  # noqa: E402
from tests.routelab.reference import topk as slow_topk  # noqa: E402
from tests.routelab.routing_cases import array, assert_same, close, number, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import Context, FrozenRandom, Hash, RandomK, build  # noqa: E402

FILE = ROUTING / "blind.py"
MUTATIONS = (
    Mutation("weight = weight / weight", "weight = weight * weight"),
    Mutation("draw / d**0.5", "draw * d**0.5"),
    Mutation("draw / d**0.5", "draw / d**0.6"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
    Mutation("token % self.table", "token * self.table"),
    Mutation("1 / index.shape[1]", "1 / index.shape[0]"),
    Mutation("1 / index.shape[1]", "2 / index.shape[1]"),
)


def pin(module: types.ModuleType) -> None:
    assert not module.FrozenRandom(5, 8, 2).balance
    assert torch.equal(module.FrozenRandom(5, 8, 2).gate, module.FrozenRandom(5, 8, 2, seed=0).gate)
    assert torch.equal(module.Hash(5, 8, 2).table, module.Hash(5, 8, 2, buckets=4096, seed=0).table)
    assert module.Hash(5, 8, 2, buckets=1).table.shape == (1, 2)
    with pytest.raises(BadShape):
        module.Hash(5, 8, 2, buckets=0)
    for n, k in ((0, 2), (1, 1), (23, 3), (23, 8)):
        x = torch.randn(n, 5, generator=torch.Generator().manual_seed(n))
        scores = np.tile(np.arange(8.0), (n, 1))
        got = module.RandomK(5, 8, k)(x, Context(generator=torch.Generator().manual_seed(9)))
        draw = torch.rand(n, 8, generator=torch.Generator().manual_seed(9))
        assert_same(pairs(got), slow.random_k(array(draw), k), scores)

        got = module.FrozenRandom(5, 8, k, seed=3, balance=0.3)(x)
        gate = array(torch.randn(8, 5, generator=torch.Generator().manual_seed(3))) / 5**0.5
        z = array(x) @ gate.T
        assert_same(pairs(got), slow_topk.route(z, k), scores)
        if n:
            close(number(got.aux["balance"]), 0.3 * slow_topk.balance(z, [list(row) for row in pairs(got)]))

        router = module.Hash(5, 8, k, buckets=11, seed=4)
        table = slow.hash_table(array(torch.rand(11, 8, generator=torch.Generator().manual_seed(4))), k)
        tokens = [7 * i for i in range(n)]
        got = router(x, Context(token=torch.tensor(tokens, dtype=torch.int64)))
        assert_same(pairs(got), slow.hashed(tokens, table, k), scores)


def test_blind_routers_are_what_their_draws_say() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_random_routing_uses_every_expert_alike() -> None:
    load_of = RandomK(4, 8, 2)(torch.zeros(8000, 4)).load().float()
    assert float((load_of - 2000).abs().max()) < 5 * (8000 * 0.25 * 0.75) ** 0.5


def test_nothing_of_a_blind_router_is_trained() -> None:
    for router in (RandomK(4, 8, 2), FrozenRandom(4, 8, 2), Hash(4, 8, 2)):
        assert not list(router.parameters())
    assert "gate" in FrozenRandom(4, 8, 2).state_dict()
    assert torch.equal(FrozenRandom(4, 8, 2, seed=1).gate, FrozenRandom(4, 8, 2, seed=1).gate)


def test_hash_routing_needs_ids() -> None:
    router = Hash(4, 8, 2)
    with pytest.raises(BadShape, match="3 tokens with no ids"):
        router(torch.zeros(3, 4))
    with pytest.raises(BadShape, match=r"3 tokens with ids of shape \(2,\)"):
        router(torch.zeros(3, 4), Context(token=torch.zeros(2, dtype=torch.int64)))
    with pytest.raises(BadShape, match="0 buckets"):
        build("hash", 4, 8, k=2, buckets=0)
