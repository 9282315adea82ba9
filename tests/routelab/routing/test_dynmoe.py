"""DynMoE against a slow reference: gates, losses, the pool that adapts."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import choosing as slow  # noqa: E402
from tests.routelab.routing_cases import array, assert_same, close, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import DynMoE, build  # noqa: E402

FILE = ROUTING / "dynmoe.py"
MUTATIONS = (
    Mutation("dim=1) @ w.T * self.scale", "dim=1) @ w.T / self.scale"),
    Mutation("- torch.sigmoid(self.threshold", "+ torch.sigmoid(self.threshold"),
    Mutation("gate / real.sum", "gate * real.sum"),
    Mutation("w @ w.T - torch.eye", "w @ w.T + torch.eye"),
    Mutation("loss + self.n_experts * (mean", "loss - self.n_experts * (mean"),
    Mutation("loss + gate.sum()", "loss - gate.sum()"),
    Mutation("self.fired == 0", "self.fired != 0"),
    Mutation("self.lost / self.lost.norm()", "self.lost * self.lost.norm()"),
    Mutation("s + self.shift", "s - self.shift"),
    Mutation("self.lost += x", "self.lost -= x"),
)


def scores(router: DynMoE, x: torch.Tensor) -> slow.Array:
    """Equal for equal experts: what a comparison of rows needs where all weights are the same."""
    return array(torch.arange(router.n_experts).float().expand(len(x), -1))


def pin(module: types.ModuleType) -> None:
    for seed, (start, temperature) in enumerate([(6, 1.0), (3, 1.0), (6, 0.1), (1, 0.5)]):
        torch.manual_seed(seed)
        router = module.DynMoE(5, 6, start=start, temperature=temperature, balance=0.5)
        with torch.no_grad():
            router.direction.copy_(torch.randn(6, 5))
            router.threshold.copy_(0.3 * torch.randn(6))
        active = [e < start for e in range(6)]
        assert router.scale == 1 / temperature
        for n in (0, 1, 40):
            x = torch.randn(n, 5)
            for training in (True, False):
                router.train(training)
                got = router(x)
                given = array(router.direction), router.threshold.tolist(), 1 / temperature, active
                want = slow.dynmoe(array(x), *given, training)
                assert_same(pairs(got), want, scores(router, x))
                if n:
                    loss = slow.dynmoe_loss(slow.dynmoe(array(x), *given, True), given[0], active)
                    close(got.aux["dynmoe"].item(), 0.5 * loss)
        router.eval()
        router.shift = 1.0
        assert router(torch.randn(9, 5)).assignments() == 9 * start
    assert (module.DynMoE(5, 4).scale, module.DynMoE(5, 4).balance) == (1.0, 0.01)
    assert module.DynMoE(5, 4, temperature=1e-9).scale == 100.0
    torch.manual_seed(7)
    router = module.DynMoE(5, 4, start=3)
    with torch.no_grad():
        router.direction[:3].copy_(torch.tensor([[1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0], [0, 0, 0, 0, -1.0]]))
        router.threshold.copy_(torch.tensor([0.5, 0.5, 0.9, 7.0]))
    x = torch.tensor([[2.0, 0, 0, 0, 0.1], [0, 3.0, 0, 0, 0], [0, 0, 4.0, 0, 0], [0, 0, 1.0, 3.0, 0]])
    router.begin_record()
    router(x)
    router(x[1:])
    assert router.adapt() == ([2], 2)
    lost = 2 * (x[2] + x[3])
    close(router.direction[2].detach(), array(lost / lost.norm()))
    assert router.threshold[2].item() == 0.0 and router.active.tolist() == [True, True, True, False]


def test_dynmoe_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_the_gradient_goes_straight_through_to_experts_that_fire() -> None:
    router = DynMoE(6, 4, balance=0.0)
    with torch.no_grad():
        router.threshold.copy_(torch.tensor([-9.0, -9.0, 9.0, 9.0]))
    routing = router(torch.randn(8, 6))
    (routing.weight * torch.tensor([1.0, 3.0, 0.0, 0.0])).sum().backward()
    assert bool(router.direction.grad[:2].any()) and not bool(router.direction.grad[2:].any())
    assert bool((router.threshold.grad[:2] < 0).all()), "a higher threshold takes from experts that fire"


def test_the_pool_is_never_empty_and_misuse_is_refused() -> None:
    router = DynMoE(6, 4, start=2)
    with torch.no_grad():
        router.threshold.fill_(9.0)
    with pytest.raises(BadShape, match="nothing was recorded"):
        router.adapt()
    router.begin_record()
    router(torch.zeros(3, 6))  # no expert, and no direction either
    assert router.adapt() == ([1], None) and int(router.active.sum()) == 1
    assert router.eval()(torch.randn(3, 6)).checked().assignments() == 3, "the best of what is in use"
    with pytest.raises(BadShape, match="5 of 4 experts"):
        build("dynmoe", 6, 4, start=5)
    with pytest.raises(BadShape, match="not finite"):
        router(torch.full((2, 6), float("nan")))
    assert build("dynmoe", 8, 4).bfloat16()(torch.randn(5, 8).bfloat16()).checked().weight.dtype == torch.float32
