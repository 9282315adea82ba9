"""Expert Choice against a slow reference: the batch, samples, text beside it, learned thresholds."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import choosing as slow  # noqa: E402
from tests.routelab.routing_cases import array, as_identity, assert_same, close, logit_cases, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import TEXT, VISION, Context, ExpertChoice, build, calibrate_shift  # noqa: E402

FILE = ROUTING / "expert_choice.py"
MUTATIONS = (
    Mutation("clamp(min=1)", "clamp(min=2)"),
    Mutation("place < most", "place > most"),
    Mutation("self.c / self.n_experts)", "self.c * self.n_experts)"),
    Mutation("cumsum(0) - size", "cumsum(0) + size"),
    Mutation("s >= self.bar", "s <= self.bar"),
    Mutation("0.01 * lowest", "0.02 * lowest"),
    Mutation("best / best.sum", "best * best.sum"),
    Mutation("self.bar - self.shift", "self.bar + self.shift"),
)


def pin(module: types.ModuleType) -> None:
    for c in (0.5, 1.0, 2.0, 6.0):
        for z in logit_cases(6):
            n = len(z)
            ties = n > 1 and len({float(v) for v in z.flatten()}) <= 3
            sample = (torch.arange(n) * 5) % 3
            for per_sample in (False, True):
                router = module.ExpertChoice(6, 6, c, per_sample=per_sample)
                as_identity(router.gate)
                got = router(z, Context(sample=sample))
                if ties:
                    got.checked()
                    continue
                group = sample.tolist() if per_sample else [0] * n
                want = slow.expert_choice(array(z), group, c)
                assert_same(pairs(got), want, array(z))
                if n:
                    close(float(got.statistics["without_expert"]), sum(not row for row in want) / n)
    z = torch.randn(30, 6, generator=torch.Generator().manual_seed(5))
    modality = torch.tensor([VISION, TEXT, VISION] * 10)
    router = module.ExpertChoice(6, 6, 2.0, text_k=2)
    as_identity(router.gate)
    got = pairs(router(z, Context(modality=modality)))
    seen, read = modality == VISION, modality == TEXT
    of_image = [row for row, m in zip(got, modality, strict=True) if m == VISION]
    of_text = [row for row, m in zip(got, modality, strict=True) if m == TEXT]
    assert_same(of_image, slow.expert_choice(array(z[seen]), [0] * 20, 2.0), array(z[seen]))
    assert_same(of_text, slow.by_k(array(z[read]), [2] * 10), array(z[read]))
    router = module.ExpertChoice(6, 6, 2.0, mode="threshold")
    as_identity(router.gate)
    bar = None
    for seed in range(4):
        z = torch.randn(30, 6, generator=torch.Generator().manual_seed(seed))
        rows = pairs(router(z))
        lowest = [min(row[e] for row in rows if e in row) for e in range(6)]
        bar = lowest if bar is None else [0.99 * a + 0.01 * b for a, b in zip(bar, lowest, strict=True)]
        close(router.bar, bar)
    router.eval()
    p = torch.softmax(z, -1)
    for shift in (0.0, 0.05):
        router.shift = shift
        want = [{e: float(row[e]) for e in range(6) if row[e] >= bar[e] - shift} for row in p]
        assert_same(pairs(router(z)), want, array(z))


def test_expert_choice_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_loads_are_equal_and_the_weights_get_gradients() -> None:
    router = ExpertChoice(16, 8, 2.0)
    x = torch.randn(64, 16, requires_grad=True)
    routing = router(x)
    assert routing.load().tolist() == [16] * 8
    routing.weight.square().sum().backward()
    assert bool(x.grad.any())


def test_thresholds_route_a_token_by_itself_and_reach_a_budget() -> None:
    router = ExpertChoice(16, 8, 2.0, mode="threshold")
    for seed in range(50):
        router(torch.randn(128, 16, generator=torch.Generator().manual_seed(seed)))
    router.eval()
    x = torch.randn(500, 16)
    whole = router(x)
    alone = [router(x[i : i + 1]).real[0] for i in range(20)]
    assert torch.equal(whole.real[:20], torch.stack(alone))
    assert abs(whole.mean_real_experts() - 2) < 0.8
    found = calibrate_shift([router], lambda: router(x).mean_real_experts(), 3.0, reach=1.0)
    assert found.off_by() < 0.02


def test_what_is_missing_and_numbers_that_do_not_fit() -> None:
    x = torch.randn(4, 8)
    with pytest.raises(BadShape, match="by sample without it"):
        build("expert_choice", 8, 4, per_sample=True)(x)
    with pytest.raises(BadShape, match="by modality without it"):
        build("expert_choice", 8, 4, text_k=2)(x)
    with pytest.raises(BadShape, match="capacity 5"):
        build("expert_choice", 8, 4, c=5)
    with pytest.raises(BadShape, match="no mode"):
        build("expert_choice", 8, 4, mode="x")
