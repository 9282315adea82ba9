"""Post-hoc skip and k by modality against slow references; the frontier against all pairs."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import choosing as slow  # noqa: E402
from tests.routelab.reference import topk as plain  # noqa: E402
from tests.routelab.routing_cases import array, as_identity, assert_same, close, logit_cases, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import (  # noqa: E402
    TEXT,
    VISION,
    Context,
    PostHocSkip,
    TopK,
    build,
    layer_sensitivity,
    search_thresholds,
    threshold_frontier,
)

FILE = ROUTING / "skip.py"
MUTATIONS = (
    Mutation("self.alpha * share >= ", "self.alpha / share >= "),
    Mutation("share >= self.threshold", "share <= self.threshold"),
    Mutation("real[:, 0] = True", "real[:, 1] = True"),
    Mutation("share = weight / weight.sum", "share = weight * weight.sum"),
    Mutation("(p - q)", "(p + q)"),
    Mutation("device=z.device) < of_modality", "device=z.device) > of_modality"),
    Mutation("[place - 1]", "[place - 2]"),
    Mutation("cost < best.loss", "cost > best.loss"),
)


def pin(module: types.ModuleType) -> None:
    for k in (1, 3, 6):
        for z in logit_cases(6):
            modality = (torch.arange(len(z)) * 7 // 3) % 2
            context = Context(modality=modality)
            for renormalise in (False, True):
                for first in (False, True):
                    router = module.PostHocSkip(
                        6, 6, k, alpha=0.8, tau_text=0.11, tau_vision=0.29, renormalise=renormalise, keep_first=first
                    )
                    as_identity(router.gate)
                    taus = [0.11 if m == TEXT else 0.29 for m in modality]
                    want = slow.skip(array(z), k, 0.8, taus, renormalise, first)
                    router.balance = 0.3
                    got = router(z, context)
                    assert_same(pairs(got), want, array(z))
                    if len(z):
                        close(float(got.statistics["skipped"]), 1 - sum(map(len, want)) / (k * len(z)))
                        rows = [list(row) for row in pairs(got)]
                        close(float(got.aux["balance"].detach()), 0.3 * plain.balance(array(z), rows))
            router = module.ModalityK(6, 6, k, 2, balance=0.3)
            as_identity(router.gate)
            got = router(z, context)
            assert_same(pairs(got), slow.by_k(array(z), [k if m == TEXT else 2 for m in modality]), array(z))
            if len(z):
                rows = [list(row) for row in pairs(got)]
                close(float(got.aux["balance"].detach()), 0.3 * plain.balance(array(z), rows))
    by_default = module.PostHocSkip(6, 6, 2)
    assert (by_default.alpha, by_default.tau_text, by_default.tau_vision, by_default.balance) == (1.0, 0.0, 0.0, 0.0)
    assert module.ModalityK(6, 6, 2, 0).balance == 0.0
    g = torch.Generator().manual_seed(1)
    scores = [torch.rand(30, 3, generator=g) for _ in range(2)]
    modality = torch.arange(30) % 3 % 2
    for target in (0.0, 0.3, 0.8, 1.0):
        found = module.threshold_frontier(scores, modality, target, 8)
        text = [float(v) for s in scores for v in s[modality == TEXT].flatten()]
        vision = [float(v) for s in scores for v in s[modality == VISION].flatten()]
        assert set(found) == slow.frontier(text, vision, target, [slow.grid(text, 8), slow.grid(vision, 8)])
        best = module.search_thresholds(scores, modality, target, lambda a, b: (a - 0.4) ** 2 + b, 8)
        assert best.loss == min((a - 0.4) ** 2 + b for a, b in found)
        gone = sum(s < best.tau_text for s in text) + sum(s < best.tau_vision for s in vision)
        close(best.skipped, gone / 180)
        assert best.skipped >= target - 1e-9
    stock, other = torch.randn(5, 4, generator=g), torch.randn(5, 4, generator=g)
    p, q = torch.softmax(stock.double(), -1), torch.softmax(other.double(), -1)
    close(module.layer_sensitivity(stock, other), float((p * (p / q).log()).sum() / 5))


def test_skip_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_thresholds_of_zero_are_the_stock_model_bit_by_bit() -> None:
    stock = TopK(16, 8, 3)
    router = PostHocSkip(16, 8, 3)
    router.load_state_dict(stock.state_dict())
    x = torch.randn(40, 16)
    a, b = stock(x), router(x)
    assert torch.equal(a.index, b.index) and torch.equal(a.weight, b.weight) and torch.equal(a.real, b.real)


def test_everything_skipped_and_numbers_that_do_not_fit() -> None:
    x = torch.randn(5, 16)
    assert build("posthoc_skip", 16, 8, k=3, tau_text=2.0, tau_vision=2.0, renormalise=True)(x).assignments() == 0
    assert build("posthoc_skip", 16, 8, k=3, tau_text=2.0, tau_vision=2.0, keep_first=True)(x).assignments() == 5
    with pytest.raises(BadShape, match="without theirs"):
        build("posthoc_skip", 16, 8, k=3, tau_text=0.1)(x)
    with pytest.raises(BadShape, match="without theirs"):
        build("modality_k", 16, 8, k_text=3, k_vision=1)(x, Context(modality=torch.zeros(4, dtype=torch.int64)))
    with pytest.raises(BadShape, match="none below 0"):
        build("posthoc_skip", 16, 8, k=3, tau_text=-0.1)
    with pytest.raises(BadShape, match="none below 0"):
        build("modality_k", 16, 8, k_text=3, k_vision=-1)
    with pytest.raises(BadShape, match="a frontier of 0 layers"):
        threshold_frontier([], torch.zeros(0), 0.5)
    with pytest.raises(BadShape, match="outputs"):
        layer_sensitivity(torch.zeros(0, 3), torch.zeros(0, 3))
    none_of_vision = search_thresholds([torch.rand(9, 2)], torch.zeros(9, dtype=torch.int64), 1.0, lambda a, b: 0.0)
    assert none_of_vision.skipped == 1.0
