"""Classifier heads: each way to run the routed one against plain loops, and what the paper's head is."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.routelab.reference import soft as slow  # noqa: E402
from tests.routelab.routing_cases import array, close  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.model.heads import (  # noqa: E402
    RUNS,
    DenseHead,
    ExpertHeads,
    NoisyTopKHead,
    SlotHead,
    SoftMixtureHead,
    padded,
    padded_rows,
)
from routelab.routing import AdaMoE, Routing, TopK  # noqa: E402


def by_hand(heads: ExpertHeads, x: torch.Tensor, routing: Routing) -> torch.Tensor:
    """Sum of weight * expert(row), pair by pair."""
    y = torch.zeros(x.shape[0], heads.classes)
    for i in range(x.shape[0]):
        for e, w, r in zip(routing.index[i], routing.weight[i], routing.real[i], strict=True):
            if r:
                h = torch.relu(x[i] @ heads.w_in[e] + heads.b_in[e])
                y[i] += w * (h @ heads.w_out[e] + heads.b_out[e])
    return y


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("n", [0, 1, 33])
def test_every_way_computes_the_same(run: str, n: int) -> None:
    heads = ExpertHeads(6, 9, 13, 10, dropout=0.0)
    for router in (TopK(9, 6, 2), TopK(9, 6, 6), AdaMoE(9, 6, 3, n_null=6)):
        x = torch.randn(n, 9, requires_grad=True)
        routing = router(x)
        want, got = by_hand(heads, x, routing), heads.routed(x, routing, run)
        close(got.detach(), want.detach(), 1e-5)
        if not n:
            continue
        mine = torch.autograd.grad((got * torch.arange(10.0)).square().sum(), [x, heads.w_in], retain_graph=True)
        hers = torch.autograd.grad((want * torch.arange(10.0)).square().sum(), [x, heads.w_in], allow_unused=True)
        for a, b in zip(mine, hers, strict=True):
            if b is not None:
                close(a, b, 1e-3)


def test_widths_that_fit_are_not_copied() -> None:
    weight, rows = torch.randn(3, 8, 16), torch.randn(5, 8)
    assert padded(weight, 4) is weight and padded_rows(rows, 4).data_ptr() == rows.data_ptr()
    assert padded(weight, 32).shape == (3, 32, 32) and padded_rows(rows, 3).shape == (5, 9)


def test_rows_without_an_expert_are_zero() -> None:
    heads = ExpertHeads(4, 6, 8, 10, dropout=0.0)
    nothing = Routing(torch.zeros(5, 2, dtype=torch.int64), torch.zeros(5, 2), torch.zeros(5, 2, dtype=torch.bool), 4)
    for run in RUNS:
        assert not bool(heads.routed(torch.randn(5, 6), nothing, run).any())
    with pytest.raises(BadShape, match="no way 'x'"):
        heads.routed(torch.randn(5, 6), nothing, "x")


def test_the_soft_mixture_is_a_dense_mixture() -> None:
    head = SoftMixtureHead(6, 10, 4, 8, dropout=0.0, temperature=2.0)
    x = torch.randn(7, 6)
    out = head(x)
    for i in range(7):
        p = slow.softmax([v / 2 for v in array(head.gate(x[i])).tolist()])
        want = sum(p[e] * array(head.experts.one(e, x[i : i + 1]))[0] for e in range(4))
        close(out.logits[i].detach(), want)
    assert out.penalty.item() == 0 and out.share.sum().item() == pytest.approx(1)


def test_the_sparse_head_is_its_router_and_its_experts() -> None:
    head = NoisyTopKHead(6, 10, 4, 8, k=2, dropout=0.0).eval()
    x = torch.randn(2, 6, 5, 5)
    out = head(x)
    assert out.routing is not None
    rows = x.mean((2, 3))
    close(out.logits.detach(), by_hand(head.experts, rows, head.router(rows)).detach())
    assert out.penalty.item() > 0 and out.share.sum().item() == pytest.approx(1)


def test_parameters_match_where_they_are_said_to() -> None:
    def count(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    experts = count(ExpertHeads(8, 512, 64, 10))
    dense = count(DenseHead(512, 10, 8 * 64))
    assert abs(experts - dense) / dense < 1e-2


def test_soft_moe_sees_positions_and_the_others_their_mean() -> None:
    x = torch.randn(2, 6, 4, 4)
    mixed = x.flatten(2)[:, :, torch.randperm(16)].unflatten(2, (4, 4))
    for head in (DenseHead(6, 10, 8), SoftMixtureHead(6, 10, 4, 8), NoisyTopKHead(6, 10, 4, 8), SlotHead(6, 10, 4, 8)):
        head.eval()
        close(head(x).logits.detach(), head(mixed).logits.detach(), 1e-4)  # none looks at where a position is
    assert not torch.allclose(SlotHead(6, 10, 4, 8)(x).logits, SlotHead(6, 10, 4, 8)(x * 2).logits)
    with pytest.raises(BadShape, match="needs positions"):
        SlotHead(6, 10, 4, 8)(x.mean((2, 3)))
    with pytest.raises(BadShape, match="features of shape"):
        DenseHead(6, 10, 8)(x[0])
