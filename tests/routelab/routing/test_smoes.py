"""SMoES and its baselines against slow references: the routing is top-k, the losses are their formulas."""

from __future__ import annotations

import types
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import smoes as slow  # noqa: E402
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
from routelab.routing import Context, SMoES, TopK, active_width, build, one_hot, total_width  # noqa: E402

FILE, GROUPS = ROUTING / "smoes.py", ROUTING / "modality_groups.py"
MUTATIONS = (
    Mutation("weight = chosen / chosen", "weight = chosen * chosen"),
    Mutation("self.balance * self._balance", "self.balance + self._balance"),
    Mutation("-self.information * information}", "+self.information * information}"),
    Mutation("self.information * divergence", "self.information / divergence"),
    Mutation("balance_loss(fraction, p) / self", "balance_loss(fraction, p) * self"),
    Mutation("fraction = fraction / self", "fraction = fraction * self"),
    Mutation("mean = mean / self", "mean = mean * self"),
    Mutation("self.bins.size * (", "self.bins.size + ("),
    Mutation("(fraction * mean)", "(fraction + mean)"),
    Mutation("self.steps += 1", "self.steps += 2"),
    Mutation("% self.resort_every == 0", "% self.resort_every == 1"),
)
GROUPS_MUTATIONS = (
    Mutation("masked_fill(~self", "masked_fill(self"),
    Mutation("text_experts + vision_experts] = F", "text_experts - vision_experts] = F"),
    Mutation("share * balance_loss", "share / balance_loss"),
    Mutation("loss + share", "loss - share"),
    Mutation("(self.low - apart)", "(self.low + apart)"),
    Mutation("(apart - self.high)", "(apart + self.high)"),
    Mutation("self.divergence * outside", "self.divergence / outside"),
)


def contexts(n: int) -> tuple[Context, list[int]]:
    g = torch.Generator().manual_seed(n)
    modality = (torch.rand(n, generator=g) < 0.6).long()
    sample = torch.arange(n) % 3
    return Context(modality=modality, sample=sample, modality_score=0.2 + 0.6 * one_hot(modality)), modality.tolist()


def pin(module: types.ModuleType) -> None:
    variants: tuple[dict[str, Any], ...] = (
        {},
        {"gate": "full", "bin_balance": "global"},
        {"gate": "renormalised", "score": "hard"},
        {"term": "kl", "score": "hard", "gate": "full"},
        {"term": "none"},
        {"bins": "fixed"},
    )
    plain = module.SMoES(8, 8, 3)
    assert (plain.information, plain.balance, plain.resort_every) == (1e-4, 1e-3, 100)
    assert (plain.bins.n_bins, plain.bins.beta) == (8, 0.99)
    module.SMoES(8, 8, 3, resort_every=1)
    for wrong in ({"resort_every": 0}, {"n_bins": 3}):
        with pytest.raises(BadShape):
            module.SMoES(8, 8, 3, **wrong)
    for options in variants:
        router = module.SMoES(8, 8, 3, n_bins=4, information=0.3, balance=0.2, resort_every=2, beta=0.5, **options)
        as_identity(router.gate)
        nothing = router(torch.zeros(0, 8), contexts(0)[0])
        assert number(nothing.loss()) == 0
        router.steps.zero_()
        loads, bins = np.zeros((2, 8)), [0, 0, 1, 1, 2, 2, 3, 3]
        for step, z in enumerate(case for case in logit_cases(8) if len(case) > 1):
            context, modality = contexts(len(z))
            got = router(z, context)
            assert_same(pairs(got), slow_topk.route(array(z), 3), array(z))
            chosen = [list(row) for row in pairs(got)]
            p = np.array([slow_topk.softmax(list(row)) for row in array(z)])
            gate = np.zeros_like(p)
            for i, row in enumerate(pairs(got)):
                for e, w in row.items():
                    gate[i, e] = w if options.get("gate") == "renormalised" else p[i, e]
            gate = p if options.get("gate") == "full" else gate
            hard = array(one_hot(torch.tensor(modality)))
            score = hard if options.get("score") == "hard" else 0.2 + 0.6 * hard
            sample = [i % 3 for i in range(len(z))]
            information = slow.information(score, gate, bins, sample, 4)
            inside = options.get("bin_balance") != "global"
            close(number(got.aux["balance"]), 0.2 * slow.bin_balance(p, chosen, bins, 4, inside))
            close(number(got.statistics["information"]), np.mean(information))
            close(number(got.statistics["msi"]), slow.msi(slow.load(chosen, hard, 8)))
            term = options.get("term", "mi")
            if term == "mi":
                close(number(got.aux["information"]), -0.3 * np.mean(information))
            elif term == "kl":
                apart = []
                for s in range(3):
                    text, vision = (
                        sum(score[i, m] * np.bincount(bins, gate[i], 4) for i in range(s, len(z), 3)) for m in (0, 1)
                    )  # samples are every third token
                    apart.append(slow.divergence(text, vision) if text.sum() and vision.sum() else 0.0)
                close(number(got.aux["information"]), -0.3 * np.mean(apart), 1e-4)
            else:
                assert set(got.aux) == {"balance"}
            loads = 0.5 * loads + 0.5 * slow.load(chosen, score, 8)
            close(router.bins.load, loads)
            if step % 2 and options.get("bins") != "fixed":
                # Sorted anew; experts whose shares agree up to rounding may stand in either order.
                bins, wanted = router.bins.of.tolist(), slow.sorted_bins(loads, 4)
                share = loads[0] / loads.sum(0).clip(1e-20)
                for b in range(4):
                    ours, theirs = (sorted(share[e] for e in range(8) if of[e] == b) for of in (bins, wanted))
                    close(ours, theirs)
            assert router.bins.of.tolist() == bins
        router.eval()
        assert_same(pairs(router(z)), slow_topk.route(array(z), 3), array(z))
        assert not router(z).aux


def pin_groups(module: types.ModuleType) -> None:
    smar, groups = module.SMAR(8, 8, 2), module.ModalityGroups(8, 8, 2, text_experts=4, vision_experts=4)
    assert (smar.low, smar.high, smar.divergence, smar.balance, groups.balance) == (0.5, 2.0, 1e-2, 0.01, 0.01)
    module.SMAR(8, 8, 2, low=0.0, high=0.0)
    for text, vision in ((5, 4), (-1, 4), (4, -1), (7, 1), (1, 7)):
        with pytest.raises(BadShape):
            module.ModalityGroups(8, 8, 2, text_experts=text, vision_experts=vision)
    for low, high in ((-0.1, 1.0), (2.0, 1.0)):
        with pytest.raises(BadShape):
            module.SMAR(8, 8, 2, low=low, high=high)
    for of in (0, 1):  # one modality alone has nothing to tell apart
        alone = smar(torch.randn(5, 8), Context(modality=torch.full((5,), of)))
        assert set(alone.aux) == {"balance"}
    for text, vision in ((4, 4), (3, 2)):
        router = module.ModalityGroups(8, 8, 2, text_experts=text, vision_experts=vision, balance=0.4)
        as_identity(router.gate)
        for z in logit_cases(8):
            context, modality = contexts(len(z))
            got, loss = router(z, context), 0.0
            want: list[dict[int, float]] = [{} for _ in z]
            for m, barred in ((0, range(text, text + vision)), (1, range(text))):
                allowed = [e for e in range(8) if e not in barred]
                rows = [i for i, of in enumerate(modality) if of == m]
                if not rows:
                    continue
                part = array(z)[rows][:, allowed]
                for i, row in zip(rows, slow_topk.route(part, 2), strict=True):
                    want[i] = {allowed[e]: w for e, w in row.items()}
                chosen = [[allowed.index(e) for e in pairs(got)[i]] for i in rows]
                loss += len(rows) / len(z) * slow_topk.balance(part, chosen)
            assert_same(pairs(got), want, array(z))
            close(number(got.aux["balance"]), 0.4 * loss)
    for low, high in ((0.0, 0.01), (0.05, 0.06), (3.0, 4.0)):
        router = module.SMAR(8, 8, 2, low=low, high=high, divergence=0.5, balance=0.3)
        as_identity(router.gate)
        for z in logit_cases(8):
            context, modality = contexts(len(z))
            got = router(z, context)
            assert_same(pairs(got), slow_topk.route(array(z), 2), array(z))
            if len(z) < 2:
                assert set(got.aux) == {"balance"}
                continue
            p = np.array([slow_topk.softmax(list(row)) for row in array(z)])
            of = np.array(modality)
            apart = slow.divergence(p[of == 0].mean(0), p[of == 1].mean(0))
            close(number(got.aux["divergence"]), 0.5 * (max(0, low - apart) + max(0, apart - high)), 1e-4)
            close(number(got.aux["balance"]), 0.3 * slow_topk.balance(array(z), [list(row) for row in pairs(got)]))


PINS = ((FILE, pin), (GROUPS, pin_groups))


@pytest.mark.parametrize(("file", "pin_of"), PINS, ids=["smoes", "groups"])
def test_each_router_is_what_its_formulas_say(file, pin_of) -> None:  # type: ignore[no-untyped-def]
    pin_of(load(file))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


@pytest.mark.parametrize("mutation", GROUPS_MUTATIONS, ids=str)
def test_a_change_of_one_character_in_the_baselines_is_seen(mutation: Mutation) -> None:
    assert_caught(GROUPS, mutation, pin_groups)


def test_at_inference_it_is_top_k_to_the_bit() -> None:
    router, plain = SMoES(16, 8, 2), TopK(16, 8, 2)
    plain.load_state_dict({"gate.weight": router.gate.weight})
    x = torch.randn(30, 16)
    ours, theirs = router.eval()(x), plain(x)
    assert torch.equal(ours.index, theirs.index)
    assert torch.equal(ours.weight, theirs.weight)


def test_training_on_the_information_term_separates_the_modalities() -> None:
    torch.manual_seed(0)
    context, _ = contexts(240)
    assert context.modality is not None
    x = torch.randn(240, 16)
    x[:, 0] = 2.0 * context.modality - 1
    seen = {}
    for name, coefficient in (("mi", 1.0), ("none", 0.0)):
        torch.manual_seed(1)
        router = SMoES(16, 8, 2, n_bins=2, score="gaussian", information=coefficient, term="mi", resort_every=10)
        optimiser = torch.optim.Adam(router.parameters(), lr=0.02)
        for _ in range(60):
            routing = router(x, context)
            optimiser.zero_grad()
            routing.loss().backward()
            optimiser.step()
        seen[name] = number(routing.statistics["msi"])
    assert seen["mi"] > 0.9
    assert seen["mi"] > seen["none"] + 0.3


def test_a_hard_partition_lets_no_token_cross() -> None:
    router = build("modality_groups", 4, 8, k=2, text_experts=6, vision_experts=2)
    modality = torch.arange(20) % 2
    got = router(torch.randn(20, 4), Context(modality=modality))
    assert bool((got.index[modality == 0] < 6).all())
    assert bool((got.index[modality == 1] >= 6).all())


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("smoes", {"k": 2, "n_bins": 3}, "3 bins of 8 experts"),
        ("smoes", {"k": 2, "score": "soft"}, "choose one of: attention, gaussian, hard"),
        ("smoes", {"k": 2, "resort_every": 0}, "every 0 steps"),
        ("modality_groups", {"k": 3, "text_experts": 6, "vision_experts": 2}, "fewer than 3 experts"),
        ("modality_groups", {"k": 1, "text_experts": 6, "vision_experts": 3}, "6 text and 3 vision experts of 8"),
        ("smar", {"k": 2, "low": 2.0, "high": 1.0}, "between 2.0 and 1.0"),
    ],
)
def test_numbers_that_do_not_fit(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadShape, match=says):
        build(name, 4, 8, **options)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("smoes", {"k": 2}, r"give context\.modality_score"),
        ("smoes", {"k": 2, "score": "gaussian"}, r"give context\.modality,"),
        ("modality_groups", {"k": 2, "text_experts": 4, "vision_experts": 4}, "routing by groups without"),
        ("smar", {"k": 2}, "SMAR without"),
    ],
)
def test_a_context_that_lacks_what_is_needed(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadShape, match=says):
        build(name, 4, 8, **options)(torch.randn(3, 4))


def test_dense_widths_of_equal_weights() -> None:
    assert active_width(64, 6) == 384
    assert active_width(64, 5.4) == 346
    assert total_width(64, 32) == 2048
    with pytest.raises(BadShape, match="give positive numbers"):
        active_width(64, 0)
