"""Modality scores, specialisation, bins, mutual information and traffic, against slow references and their limits."""

from __future__ import annotations

import math
import types

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import smoes as slow  # noqa: E402
from tests.routelab.routing_cases import array, close, number, numeric_gradient, pairs  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import (  # noqa: E402
    Bins,
    GaussianScore,
    Routing,
    TopK,
    homes,
    link_time,
    modality_specialisation_index,
    one_hot,
    place,
    propagate,
)

SCORE, SPECIAL, PLACE = (ROUTING / f"{name}.py" for name in ("modality_score", "specialisation", "placement"))
SCORE_MUTATIONS = (
    Mutation("r_att * mixed + r_res", "r_att * mixed - r_res"),
    Mutation("/ (r_att + r_res).c", "* (r_att + r_res).c"),
    Mutation("mean(1) @", "mean(1) +"),
    Mutation("-0.5 * (variance", "-1.5 * (variance"),
    Mutation("variance.log() + apart", "variance.log() - apart"),
    Mutation("0.5 * d if", "0.6 * d if"),
    Mutation("(1 - self.beta) * apart.square()", "(1 + self.beta) * apart.square()"),
    Mutation("self.mean[m] + (1 - self.beta)", "self.mean[m] - (1 - self.beta)"),
    Mutation("(1 - self.beta) * variance", "(1 - self.beta) / variance"),
)
SPECIAL_MUTATIONS = (
    Mutation("share = load / load", "share = load * load"),
    Mutation("2 * (specialisation(load) - 0.5)", "1 * (specialisation(load) - 0.5)"),
    Mutation("(specialisation(load) - 0.5)", "(specialisation(load) + 0.5)"),
    Mutation("mul_(self.beta).add_((1 - self", "mul_(self.beta).add_((1 + self"),
    Mutation("self.load[0] / self", "self.load[1] / self"),
    Mutation("order.shape[0], device", "order.shape[1], device"),
    Mutation("score[:, :, None] *", "score[:, :, None] +"),
    Mutation("total / (bins", "total * (bins"),
    Mutation("(bins.size * mass", "(bins.size + mass"),
    Mutation("TINY).log() - apart", "TINY).log() + apart"),
    Mutation("p.sum(2, keepdim=True) *", "p.sum(1, keepdim=True) *"),
    Mutation("0.5 * ((text", "1.5 * ((text"),
    Mutation("((text - vision)", "((text + vision)"),
)
PLACE_MUTATIONS = (
    Mutation("(at != home", "(at == home"),
    Mutation("argmax(1)", "argmax(0)"),
    Mutation("return messages * latency", "return messages + latency"),
    Mutation("n_bytes / bandwidth", "n_bytes * bandwidth"),
    Mutation("n_experts % n_devices", "n_experts - n_devices"),
)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def routed(n: int, seed: int = 0) -> Routing:
    torch.manual_seed(seed)
    return TopK(6, 8, 2)(torch.randn(n, 6))


def pin_scores(module: types.ModuleType) -> None:
    assert (module.GaussianScore(4).beta, module.GaussianScore(4).floor) == (0.99, 1e-5)
    module.GaussianScore(4, beta=0.0)
    for beta in (-0.1, 1.0):
        with pytest.raises(BadShape):
            module.GaussianScore(4, beta=beta)
    score = torch.softmax(torch.randn(2, 5, 2, generator=generator(0)), -1)
    attention = torch.softmax(torch.randn(2, 3, 5, 5, generator=generator(1)), -1)
    attended, residual = torch.randn(2, 2, 5, 7, generator=generator(2))
    got = module.propagate(score, attention, attended, residual)
    close(got, slow.propagate(array(score), array(attention), array(attended), array(residual)))
    gaussian, want = module.GaussianScore(4, beta=0.8), slow.Gaussian(4, 0.8)
    modality = torch.tensor([0, 1, 1, 0, 1, 0, 1, 1])
    for seed in range(4):
        x = (1 + seed) * torch.randn(8, 4, generator=generator(seed)) + modality[:, None]
        close(gaussian(x), want.score(array(x), 2.0))
        of = modality if seed else modality.clamp(min=1)  # at first one modality alone
        gaussian.update(x, of)
        want.update(array(x), of.tolist())
    close(gaussian(x), want.score(array(x), 2.0))
    assert float(gaussian(x).std(0).min()) > 0.1


def pin_specialisation(module: types.ModuleType) -> None:
    assert module.Bins(8, 1).beta == 0.99
    for n_bins in (0, 3):
        with pytest.raises(BadShape):
            module.Bins(8, n_bins)
    close(module.symmetric_divergence(torch.eye(2)), slow.divergence(*np.eye(2)))
    for n in (0, 1, 40):
        routing = routed(n)
        chosen = [list(row) for row in pairs(routing)]
        score = torch.softmax(2 * torch.randn(n, 2, generator=generator(n)), -1)
        loads = module.modality_load(routing, score)
        close(loads, slow.load(chosen, array(score), 8))
        close(module.specialisation(loads), slow.share_of_text(array(loads)))
        close(number(module.modality_specialisation_index(loads)), slow.msi(array(loads)))
        bins = module.Bins(8, 4, beta=0.75)
        assert bins.of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        bins.load.copy_(torch.rand(2, 8, generator=generator(7)))
        before = array(bins.load)
        bins.update(loads)
        close(bins.load, 0.75 * before + 0.25 * array(loads))
        bins.sort()
        assert bins.of.tolist() == slow.sorted_bins(array(bins.load), 4)
        gate = torch.softmax(torch.randn(n, 8, generator=generator(3)), -1)
        gate = gate * (gate > 0.1)  # as top-k masks it: rows do not sum to 1
        sample = torch.arange(n) % 3
        for of in (sample, None):
            use = module.bin_use(score, gate, bins, of)
            mutual = module.mutual_information(use)
            if not n:
                assert tuple(use.shape)[1:] == (2, 4)
                assert mutual.numel() == 0
                continue
            ids = sample.tolist() if of is not None else [0] * n
            close(mutual, slow.information(array(score), array(gate), bins.of.tolist(), ids, 4))
            apart = module.symmetric_divergence(use)
            close(apart, [slow.divergence(*array(rows)) for rows in use])
            apart = module.symmetric_divergence(use, 0.1)
            close(apart, [slow.divergence(*array(rows), floor=0.1) for rows in use])
            close(use[0, 0, 0], np.sum([
                array(score)[j, 0] * array(gate)[j, e]
                for j in range(n) for e in range(8) if ids[j] == 0 and bins.of[e] == 0
            ]) / 2 / sum(array(score)[j, 0] for j in range(n) if ids[j] == 0))  # fmt: skip


def pin_placement(module: types.ModuleType) -> None:
    routing = routed(40)
    chosen = [list(row) for row in pairs(routing)]
    modality = torch.arange(40) % 3 // 2
    loads = torch.tensor(slow.load(chosen, array(one_hot(modality)), 8))
    for n_devices in (1, 2, 4):
        device = module.place(loads, n_devices)
        share = slow.share_of_text(array(loads))
        order = sorted(range(8), key=lambda e: (-share[e], e))
        assert [int(device[e]) for e in order] == [rank * n_devices // 8 for rank in range(8)]
        home = module.homes(loads, device)
        by_device = [[sum(float(loads[m, e]) for e in range(8) if device[e] == i) for i in range(n_devices)]
                     for m in range(2)]  # fmt: skip
        assert home.tolist() == [row.index(max(row)) for row in by_device]
        got = module.traffic(routing, modality, device, home)
        pair, some = slow.traffic(chosen, modality.tolist(), device.tolist(), home.tolist())
        close((got.pair_remote, got.any_remote), (pair, some))
        assert (got.pairs, got.tokens) == (80, 40)
    nothing = module.traffic(routed(0), modality[:0], device, home)
    assert (nothing.pair_remote, nothing.any_remote, nothing.pairs) == (0.0, 0.0, 0)
    masked = Routing(torch.tensor([[3, -1]]), torch.tensor([[1.0, 0]]), torch.tensor([[True, False]]), 8)
    one = module.traffic(masked, modality[:1], device, home)  # the index of an empty slot means nothing
    assert (one.pairs, one.tokens) == (1, 1)
    assert one.pair_remote == one.any_remote == float(device[3] != home[0])
    assert module.traffic(masked, modality[:1], device, 1 - device[3].expand(2)).pair_remote == 1
    close(module.link_time(3, 100.0, latency=2.0, bandwidth=50.0), 8.0)


PINS = ((SCORE, pin_scores), (SPECIAL, pin_specialisation), (PLACE, pin_placement))


@pytest.mark.parametrize(("file", "pin"), PINS, ids=[file.stem for file, _ in PINS])
def test_each_file_is_what_its_formulas_say(file, pin) -> None:  # type: ignore[no-untyped-def]
    pin(load(file))


@pytest.mark.parametrize(
    ("file", "pin", "mutation"),
    [
        (file, pin, mutation)
        for (file, pin), group in zip(PINS, (SCORE_MUTATIONS, SPECIAL_MUTATIONS, PLACE_MUTATIONS), strict=True)
        for mutation in group
    ],
    ids=lambda value: str(value) if isinstance(value, Mutation) else "",
)
def test_a_change_of_one_character_is_seen(file, pin, mutation) -> None:  # type: ignore[no-untyped-def]
    assert_caught(file, mutation, pin)


def test_mutual_information_is_log_two_apart_and_zero_alike() -> None:
    module = load(SPECIAL)
    bins = Bins(4, 2)
    score = one_hot(torch.tensor([0, 0, 1, 1]))
    apart = torch.tensor([[0.5, 0.5, 0, 0], [1.0, 0, 0, 0], [0, 0, 0.3, 0.7], [0, 0, 0, 1.0]])
    alike = torch.full((4, 4), 0.25)
    close(module.mutual_information(module.bin_use(score, apart, bins, None)), [math.log(2)])
    close(module.mutual_information(module.bin_use(score, alike, bins, None)), [0.0])
    one_sided = one_hot(torch.zeros(4, dtype=torch.int64))  # text alone tells nothing
    close(module.mutual_information(module.bin_use(one_sided, apart, bins, None)), [0.0])
    gate = torch.softmax(torch.randn(64, 4), -1)
    soft = torch.softmax(torch.randn(64, 2), -1)
    assert 0 <= number(module.mutual_information(module.bin_use(soft, gate, bins, None))[0]) <= math.log(2)


def test_mutual_information_hands_a_gradient_to_the_gate() -> None:
    module, bins = load(SPECIAL), Bins(4, 2)
    score = torch.softmax(torch.randn(6, 2, generator=generator(1)), -1)
    gate = torch.softmax(torch.randn(6, 4, generator=generator(2)), -1)
    x = gate.clone().requires_grad_()
    module.mutual_information(module.bin_use(score, x, bins, None)).sum().backward()

    def of(g: slow.Array) -> float:
        return slow.information(array(score), g, [0, 0, 1, 1], [0] * 6, 2)[0]

    close(x.grad, numeric_gradient(of, array(gate)), 1e-4)


def test_the_specialisation_index_is_one_apart_and_zero_alike() -> None:
    assert number(modality_specialisation_index(torch.tensor([[5.0, 3, 0, 0], [0, 0, 1, 9]]))) == 1
    assert number(modality_specialisation_index(torch.tensor([[2.0, 4, 6], [1, 2, 3]]))) == 0
    both = torch.tensor([[[5.0, 0], [0, 2]], [[1, 1], [4, 4]]])  # two layers
    assert number(modality_specialisation_index(both)) == 0.5
    assert number(modality_specialisation_index(torch.zeros(2, 4))) == 0  # unused experts are of neither


def test_gaussians_find_the_modality_of_tokens_that_lie_apart() -> None:
    modality = (torch.rand(400, generator=generator(0)) < 0.5).long()
    x = torch.randn(400, 16, generator=generator(1)) + 2 * modality[:, None]
    gaussian = GaussianScore(16)
    gaussian.update(x, modality)
    assert float((gaussian(x).argmax(1) == modality).float().mean()) > 0.99
    constant = torch.zeros(10, 16)
    gaussian.update(constant, torch.zeros(10, dtype=torch.int64))
    assert bool(torch.isfinite(gaussian(constant)).all())  # no variance is not a division by zero


def test_attention_keeps_rows_that_sum_to_one_and_one_hot_at_identity() -> None:
    score = one_hot(torch.tensor([[0, 1, 1]]))
    eye = torch.eye(3)[None, None]
    x = torch.randn(1, 3, 4)
    close(propagate(score, eye, x, x), array(score))
    mixed = propagate(score, torch.full((1, 2, 3, 3), 1 / 3), x, 2 * x)
    close(mixed.sum(-1), np.ones((1, 3)))
    close(propagate(score, eye, 0 * x, 0 * x), np.zeros((1, 3, 2)))  # nothing at all has no share


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(BadShape, match="3 bins of 8 experts"):
        Bins(8, 3)
    with pytest.raises(BadShape, match="8 experts on 3 devices"):
        place(torch.ones(2, 8), 3)
    with pytest.raises(BadShape, match="beta = 1"):
        GaussianScore(4, beta=1.0)
    with pytest.raises(BadShape, match="score, attention, output and residual"):
        propagate(torch.ones(1, 3, 2), torch.ones(1, 2, 3, 4), torch.ones(1, 3, 4), torch.ones(1, 3, 4))
    assert homes(torch.ones(2, 4), torch.tensor([0, 0, 1, 1])).tolist() == [0, 0]
    assert link_time(0, 0.0, latency=1.0, bandwidth=1.0) == 0
