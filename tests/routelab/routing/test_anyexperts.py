"""AnyExperts against a slow reference, its controls, and its budget knob."""

from __future__ import annotations

import types
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import anyexperts as slow  # noqa: E402
from tests.routelab.routing_cases import array, assert_same, close, number, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import AnyExperts, Context, build  # noqa: E402
from routelab.routing._slots import Later  # noqa: E402

FILE = ROUTING / "anyexperts.py"
MUTATIONS = (
    Mutation("self.alpha * w[:, None] * x", "self.alpha / w[:, None] * x"),
    Mutation("seen = x + (", "seen = x - ("),
    Mutation("self.mlp(self.norm(x))", "self.mlp(self.norm(-x))"),
    Mutation("u + self.delta", "u - self.delta"),
    Mutation("virtual_z[:, :, None]", "virtual_z[:, :1, None]"),
    Mutation("real_z[:, None, :] >= virtual_z", "real_z[:, None, :] > virtual_z"),
    Mutation("(before < slots", "(before <= slots"),
    Mutation("(slots - n_virtual)[:, None]", "(slots + n_virtual)[:, None]"),
    Mutation("shift = self.lam * (w - 0.5)", "shift = self.lam * (w + 0.5)"),
    Mutation("self.lam * (w - 0.5)\n", "self.lam * (w - 0.6)\n"),
    Mutation("sign[self.n_experts :] = -1", "sign[self.n_experts :] = -2"),
    Mutation("z * (1 + change)", "z * (1 - change)"),
    Mutation("linear = low + w", "linear = low - w"),
    Mutation("half: Tensor | float = 0.5", "half: Tensor | float = 0.6"),
    Mutation("self.k_min - self.lowered", "self.k_min + self.lowered"),
    Mutation("self.rho * slots", "self.rho / slots"),
    Mutation("1e-6\n", "1e+6\n"),
    Mutation("self.penalty * (u", "self.penalty / (u"),
    Mutation("self.balance * balance_loss", "self.balance / balance_loss"),
    Mutation("share[:, None] * seen", "share[:, None] + seen"),
    Mutation("score / score.sum", "score * score.sum"),
    Mutation("(linear - linear.detach())", "(linear + linear.detach())"),
    Mutation("marginal * score.gather", "marginal / score.gather"),
)


def weights_of(router: Any) -> slow.Weights:
    state = {name: array(value) for name, value in router.state_dict().items()}
    return slow.Weights(
        state["gate.weight"],
        state["norm.weight"],
        state.get("norm.bias"),
        state["mlp.0.weight"],
        state["mlp.0.bias"],
        state["mlp.2.weight"],
        state["mlp.2.bias"],
    )


def make(module: types.ModuleType, seed: int, spread: float = 2.0, **options: Any) -> Any:
    """A router whose importance spreads: E = 8, d = 16, K in 4 .. 7, so that rho = 0.3 allows 1 or 2 virtual slots."""
    torch.manual_seed(seed)
    router = module.AnyExperts(16, 8, 4, 7, **{"rho": 0.3, "hidden": 5, **options})
    with torch.no_grad():
        router.mlp[2].weight.normal_(std=spread)
        router.mlp[2].bias.fill_(0.1)
        router.norm.weight.uniform_(0.5, 1.5)
    return router


TIES: dict[str, Any] = {"fusion": False, "correction": "none", "cap": "per_token", "rho": 0.5, "n_virtual": 6}
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"lam": 3.0, "alpha": 0.2},
    {"cap": "pool", "lam": -2.0},
    {"cap": "per_token", "correction": "none", "rho": 0.5},
    {"correction": "multiply", "gate": "sigmoid", "lam": 1.5},
    {"norm": "layer", "fusion": False, "virtual_output": "zero"},
    {"n_virtual": 0},
    TIES,
    {"n_virtual": 2, "gate": "sigmoid", "straight_through": False},
)


def published(module: types.ModuleType) -> None:
    """Defaults, and which numbers fit."""
    kind = module.AnyExperts
    router = kind(64, 32, 6, 9)
    assert (router.alpha, router.rho, router.lam, router.penalty, router.balance) == (0.01, 0.2, 1.0, 1e-3, 0.01)
    assert (router.delta, router.lowered, router.mlp[0].out_features) == (0.0, 0, 4)
    assert kind(4, 32, 6, 9).mlp[0].out_features == 1
    assert [kind(4, e, 1, 1).n_virtual for e in (256, 32, 10)] == [64, 8, 3]  # a quarter, 2.5 rounded up
    assert [kind(4, e, 1, 1, cap="per_token").n_virtual for e in (32, 10)] == [16, 5]
    assert kind(4, 8, 3, 3, rho=0.0, n_virtual=0).k_min == 3
    assert kind(4, 10, 1, 1, n_virtual=3).n_virtual == 3
    assert kind(4, 8, 1, 2, cap="per_token", n_virtual=40).n_virtual == 40
    for wrong in ((0, 2), (3, 2)):
        with pytest.raises(BadShape):
            kind(4, 8, *wrong)
    for options in ({"rho": -0.1}, {"rho": 1.0}, {"n_virtual": -1}, {"n_virtual": 3}):
        with pytest.raises(BadShape):
            kind(4, 8, 1, 2, **options)


def pin(module: types.ModuleType) -> None:
    published(module)
    for seed, options in enumerate(OPTIONS):
        router = make(module, seed, **options)
        for n, delta, lowered in ((0, 0.0, 0), (1, 0.0, 0), (60, 0.0, 0), (60, 0.7, 2), (60, 0.1, 5), (9, 0.0, 9)):
            x = torch.randn(n, 16, generator=torch.Generator().manual_seed(n))
            if options is TIES:  # whole numbers, so that equal logits are equal in any order of summation
                x = x.round()
                with torch.no_grad():
                    router.gate.weight.copy_((4 * router.gate.weight).round())
            router.delta, router.lowered = delta, lowered
            got = router(x)
            keys = ("cap", "correction", "lam", "gate")
            want = slow.route(
                array(x),
                weights_of(router),
                8,
                4,
                7,
                router.rho,
                delta=delta,
                lowered=lowered,
                alpha=router.alpha if router.fusion else 0.0,
                **{key: options[key] for key in keys if key in options},
            )
            scores = np.array([token.scores for token in want]).reshape(n, 8 + router.n_virtual)
            assert_same(pairs(got), [token.real for token in want], scores)
            if router.fusion:
                close(array(got.inputs), np.array([token.seen for token in want]).reshape(n, 16))
            else:
                assert got.inputs is None
            shares = np.array([sum(token.virtual.values()) for token in want])
            if options.get("virtual_output") == "zero" or not router.n_virtual:
                assert got.bypass is None
            else:
                seen = np.array([token.seen for token in want]).reshape(n, 16)
                close(array(got.bypass), shares[:, None] * seen)
            histogram = np.bincount([token.slots for token in want], minlength=8)
            assert got.statistics["slots_histogram"].tolist() == histogram.tolist()
            if not n:
                assert number(got.loss()) == 0
            if n:
                if options is not TIES:  # which of equal entries is taken moves it
                    close(number(got.aux["balance"]), 0.01 * slow.balance(want, 8 + router.n_virtual))
                close(number(got.aux["importance"]), 0.001 * np.mean([token.u**2 for token in want]))
                slots = sum(token.slots for token in want)
                close(number(got.statistics["virtual_share"]), sum(len(token.virtual) for token in want) / slots)
    for gate in ("softmax", "sigmoid"):
        gradient_of_one_more_slot(module, gate)


def gradient_of_one_more_slot(module: types.ModuleType, gate: str) -> None:
    """The gradient of K is that of a factor on the last slot's weight: against central differences of that."""
    router = make(module, 3, gate=gate, correction="none", fusion=False, n_virtual=0)
    x = torch.randn(5, 16, generator=torch.Generator().manual_seed(4))
    c = torch.arange(1.0, 9.0)
    routing = router(x)
    (routing.weight * c[routing.index]).sum().backward()
    got = router.mlp[2].bias.grad
    tokens = slow.route(array(x), weights_of(router), 8, 4, 7, router.rho, gate=gate, correction="none", alpha=0.0)
    want, step = 0.0, 1e-6
    for token in tokens:
        w = slow.sigmoid(token.u)
        last = min(token.real, key=lambda e: token.real[e])

        def value(factor: float, token: slow.Token = token, last: int = last) -> float:
            mass = {e: p * (factor if e == last else 1.0) for e, p in token.real.items()}
            return sum(float(c[e]) * p for e, p in mass.items()) / sum(mass.values())

        want += (value(1 + step) - value(1 - step)) / (2 * step) * w * (1 - w) * (7 - 4)
    close(array(got), [want], 1e-4)


def test_anyexperts_is_what_the_steps_say() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_importance_starts_at_one_half_and_gets_a_gradient() -> None:
    router = AnyExperts(16, 8, 4, 7)
    x = torch.randn(50, 16)
    routing = router(x)
    assert number(routing.statistics["importance_mean"]) == 0.5
    assert number(routing.statistics["importance_std"]) == 0.0
    (routing.weight * torch.randn(routing.weight.shape)).sum().backward()
    last = router.mlp[2]
    assert last.weight.grad is not None
    assert bool((last.weight.grad != 0).any())


def test_the_published_ratio_of_virtual_experts_is_the_cap() -> None:
    assert AnyExperts(4, 256, 8, 12).n_virtual == 64
    assert AnyExperts(4, 32, 6, 9).n_virtual == 8
    assert AnyExperts(4, 32, 6, 9, cap="per_token").n_virtual == 16


def test_a_small_k_leaves_no_virtual_slot_unless_the_cap_is_drawn() -> None:
    torch.manual_seed(0)
    x = torch.randn(4000, 16)
    router = AnyExperts(16, 8, 4, 4, correction="none")  # 0.2 * 4 = 0.8
    assert number(router(x).statistics["virtual_share"]) == 0
    drawn = AnyExperts(16, 8, 4, 4, correction="none", cap_rounding="stochastic")
    with torch.no_grad():
        drawn.gate.weight[8:] = 0
        drawn.gate.weight[8:, 0] = 100.0
    x[:, 0] = 1.0  # each virtual entry is among the best of each token, so the cap decides alone
    share = number(drawn(x).statistics["virtual_share"])
    assert abs(share - 0.2) < 4 * 0.4 / 4 / 4000**0.5


def test_stochastic_rounding_keeps_the_mean() -> None:
    router = AnyExperts(16, 8, 4, 7, rounding="stochastic", n_virtual=0)
    context = Context(generator=torch.Generator().manual_seed(5))
    got = router(torch.randn(10000, 16), context)  # w = 0.5: K = 5.5
    assert sorted(set(got.real.sum(-1).tolist())) == [5, 6]
    assert abs(got.mean_real_experts() - 5.5) < 4 * 0.5 / 100
    again = router(torch.zeros(10000, 16), Context(generator=torch.Generator().manual_seed(5)))
    assert torch.equal(got.real.sum(-1), again.real.sum(-1))


def test_shuffled_importance_keeps_the_histogram_and_nothing_else() -> None:
    learned, shuffled = (
        make(types.SimpleNamespace(AnyExperts=AnyExperts), 1, importance=kind, n_virtual=0)  # type: ignore[arg-type]
        for kind in ("learned", "shuffled")
    )
    x = torch.randn(500, 16)
    a, b = learned(x), shuffled(x, Context(generator=torch.Generator().manual_seed(1)))
    assert torch.equal(a.statistics["slots_histogram"], b.statistics["slots_histogram"])
    assert not torch.equal(a.real.sum(-1), b.real.sum(-1))
    assert learned.causal
    assert not shuffled.causal


def test_shuffling_within_modalities_keeps_the_histogram_of_each() -> None:
    learned, shuffled = (
        make(types.SimpleNamespace(AnyExperts=AnyExperts), 1, importance=kind, n_virtual=0)  # type: ignore[arg-type]
        for kind in ("learned", "shuffled_within_modality")
    )
    x, modality = torch.randn(500, 16), (torch.rand(500) < 0.7).long()
    context = Context(modality=modality, generator=torch.Generator().manual_seed(1))
    a, b = learned(x, context), shuffled(x, context)
    for which in (0, 1):
        chosen = modality == which
        ours, theirs = (r.real.sum(-1)[chosen].sort().values for r in (a, b))
        assert torch.equal(ours, theirs)
    assert not torch.equal(a.real.sum(-1), b.real.sum(-1))
    with pytest.raises(BadShape, match=r"give context\.modality"):
        shuffled(x)


def test_constant_importance_gives_every_token_the_same() -> None:
    router = make(types.SimpleNamespace(AnyExperts=AnyExperts), 1, importance="constant", n_virtual=0)  # type: ignore[arg-type]
    assert set(router(torch.randn(20, 16)).real.sum(-1).tolist()) == {6}  # 4 + 0.5 * 3, rounded up


def test_all_slots_virtual_is_a_row_without_experts() -> None:
    router = AnyExperts(4, 4, 1, 1, n_virtual=1, cap="pool", correction="none")
    with torch.no_grad():
        router.gate.weight.zero_()
        router.gate.weight[4] = 1.0
    got = router(torch.ones(3, 4)).checked()
    assert got.assignments() == 0
    assert got.bypass is not None
    close(array(got.bypass), array(got.inputs))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k_min": 5, "k_max": 4}, "slots from 5 to 4"),
        ({"k_min": 0, "k_max": 4}, "slots from 0 to 4"),
        ({"k_min": 2, "k_max": 9}, "9 slots for 8 experts"),
        ({"k_min": 2, "k_max": 4, "rho": 1.0}, "a virtual share of 1.0"),
        ({"k_min": 2, "k_max": 4, "n_virtual": 3}, "3 virtual experts beside 8 exceed"),
        ({"k_min": 2, "k_max": 4, "cap": "none"}, "choose one of: both, per_token, pool"),
        ({"k_min": 2, "k_max": 4, "importance": "oracle"}, "importance='oracle'"),
    ],
)
def test_numbers_that_do_not_fit(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadShape, match=says):
        build("anyexperts", 4, 8, **options)


def test_an_importance_that_is_no_number_is_refused_like_a_logit() -> None:
    router = AnyExperts(16, 8, 4, 7, fusion=False, correction="none")
    with torch.no_grad():
        router.mlp[2].bias.fill_(float("nan"))
    with pytest.raises(BadShape, match="3 of 3 tokens are not finite"):
        router(torch.randn(3, 16))


def test_statistics_are_computed_once_and_only_when_asked_for() -> None:
    asked = []

    def compute() -> dict[str, torch.Tensor]:
        asked.append(1)
        return {"a": torch.ones(())}

    later = Later(compute)
    assert not asked
    assert dict(later) == {"a": torch.ones(())}
    assert len(later) == 1
    assert "b" not in later
    assert asked == [1]


def test_bfloat16() -> None:
    router = AnyExperts(16, 8, 4, 7).bfloat16()
    got = router(torch.randn(30, 16).bfloat16()).checked()
    assert got.inputs is not None
    assert got.inputs.dtype == torch.bfloat16
    assert got.weight.dtype == torch.float32
