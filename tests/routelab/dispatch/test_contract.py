"""One contract for all dispatch backends: each computes the sum over real slots of weight * expert(token)."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadShape  # noqa: E402
from routelab.dispatch import DISPATCH, RAGGED, Experts, MoELayer, all_slots, backend, capacity  # noqa: E402
from routelab.routing import Routing, build  # noqa: E402

Tensor = torch.Tensor


def ragged(n: int, e: int, k_max: int, dead: int = 0) -> Routing:
    """Random distinct experts and weights, a random half of the slots real; the last `dead` experts get none."""
    index = torch.rand(n, e - dead).argsort(1)[:, :k_max]
    real = torch.rand(n, k_max) < 0.5
    index = torch.where(real, index, torch.randint(-3, e + 5, (n, k_max)))  # means nothing where nothing runs
    weight = torch.where(real, torch.rand(n, k_max), 0)
    return Routing(index, weight, real, e).checked()


def slow(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """The definition in float64, a token and a slot at a time; shares nothing with the backends."""
    w_in, w_out = experts.w_in.detach().double(), experts.w_out.detach().double()
    y = torch.zeros(x.shape[0], experts.d, dtype=torch.float64)
    for t in range(x.shape[0]):
        for s in range(routing.index.shape[1]):
            if bool(routing.real[t, s]):
                e = int(routing.index[t, s])
                h = x[t].detach().double() @ w_in[e]
                if experts.kind == "gelu":
                    h = 0.5 * h * (1 + torch.erf(h / 2**0.5))
                else:
                    gate, up = h[: experts.width], h[experts.width :]
                    h = gate / (1 + torch.exp(-gate)) * up
                y[t] += float(routing.weight[t, s]) * (h @ w_out[e])
    return y


def error(y: Tensor, reference: Tensor) -> float:
    """Largest absolute difference over the largest entry of the reference."""
    return float((y.double() - reference.double()).abs().max() / reference.double().abs().max().clamp(min=1e-9))


@pytest.mark.parametrize("name", DISPATCH)
@pytest.mark.parametrize("kind", ["gelu", "swiglu"])
@pytest.mark.parametrize(
    ("n", "e", "k_max", "d", "width", "dead"),
    [(33, 8, 3, 16, 24, 0), (1, 8, 4, 16, 8, 2), (40, 5, 5, 10, 7, 0), (9, 1, 1, 6, 5, 0), (64, 12, 6, 13, 3, 6)],
)
def test_each_backend_computes_the_definition(name, kind, n, e, k_max, d, width, dead) -> None:
    x, routing, experts = torch.randn(n, d), ragged(n, e, k_max, dead), Experts(e, d, width, kind)
    with torch.no_grad():
        y = DISPATCH[name](x, routing, experts)
        loop = DISPATCH["loop"](x, routing, experts)
    assert y.shape == (n, d) and y.dtype == x.dtype
    assert error(y, slow(x, routing, experts)) < 1e-5
    assert error(y, loop) < 1e-5


@pytest.mark.parametrize("name", DISPATCH)
@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_stays_within_two_hundredths(name: str, autocast: bool) -> None:
    x, routing, experts = torch.randn(50, 20), ragged(50, 9, 4, 3), Experts(9, 20, 12, "swiglu")
    exact = slow(x, routing, experts)
    with torch.no_grad():
        if autocast:
            with torch.autocast("cpu", torch.bfloat16):
                y = DISPATCH[name](x, routing, experts)
            assert y.dtype == torch.float32
        else:
            y = DISPATCH[name](x.bfloat16(), routing, experts.bfloat16())
            assert y.dtype == torch.bfloat16
    assert 0 < error(y, exact) < 2e-2


@pytest.mark.parametrize("name", DISPATCH)
def test_gradients_are_those_of_the_loop(name: str) -> None:
    def gradients(run: str) -> list[Tensor]:
        torch.manual_seed(3)
        x, experts, base = torch.randn(21, 10, requires_grad=True), Experts(7, 10, 6, "swiglu"), ragged(21, 7, 3, 2)
        weight = base.weight.clone().requires_grad_()
        routing = Routing(base.index, torch.where(base.real, weight, 0), base.real, 7)
        DISPATCH[run](x, routing, experts).square().sum().backward()
        return [x.grad, weight.grad, experts.w_in.grad, experts.w_out.grad]

    for got, expected in zip(gradients(name), gradients("loop"), strict=True):
        assert error(got, expected) < 1e-5


@pytest.mark.parametrize("name", ["loop", "sorted", "gather", "capacity", "dense_mixture"])  # grouped knows no float64
def test_gradients_are_the_numerical_ones(name: str) -> None:
    routing, experts = ragged(5, 4, 2), Experts(4, 6, 4, "swiglu").double()
    x = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    weight = routing.weight.double().requires_grad_()

    def run(x: Tensor, weight: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
        return torch.func.functional_call(  # the backends take a module, the check wants tensors
            _Run(experts, name, routing), {"experts.w_in": w_in, "experts.w_out": w_out}, (x, weight)
        )

    assert torch.autograd.gradcheck(run, (x, weight, experts.w_in, experts.w_out))


class _Run(torch.nn.Module):
    def __init__(self, experts: Experts, name: str, routing: Routing) -> None:
        super().__init__()
        self.experts, self.name, self.routing = experts, name, routing

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        r = self.routing
        return DISPATCH[self.name](x, Routing(r.index, torch.where(r.real, weight, 0), r.real, 4), self.experts)


@pytest.mark.parametrize("name", DISPATCH)
def test_a_sum_loss_has_a_gradient(name: str) -> None:
    # .sum() sends back one number with zero strides, which grouped_mm's own backward refuses.
    x, experts = torch.randn(8, 6, requires_grad=True), Experts(3, 6, 4)
    DISPATCH[name](x, ragged(8, 3, 2), experts).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("name", DISPATCH)
def test_no_token_and_no_expert(name: str) -> None:
    experts = Experts(5, 6, 4)
    none = Routing(torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.bool), 5)
    assert DISPATCH[name](torch.zeros(0, 6), none, experts).shape == (0, 6)
    weight = torch.zeros(4, 2, requires_grad=True)
    virtual = Routing(torch.full((4, 2), 7), weight, torch.zeros(4, 2, dtype=torch.bool), 5)
    y = DISPATCH[name](torch.randn(4, 6), virtual, experts)
    assert y.shape == (4, 6) and not y.any()
    y.sum().backward()  # still part of the graph
    if experts.w_in.grad is not None:
        assert not experts.w_in.grad.any()


@pytest.mark.parametrize("name", DISPATCH)
def test_rows_without_an_expert_are_zero_and_experts_without_rows_get_no_gradient(name: str) -> None:
    x, experts = torch.randn(12, 6), Experts(6, 6, 4)
    routing = ragged(12, 6, 3, dead=2)
    real = routing.real.clone()
    real[3:6] = False
    routing = Routing(routing.index, torch.where(real, routing.weight, 0), real, 6).checked()
    y = DISPATCH[name](x, routing, experts)
    assert not y[3:6].any() and y.abs().sum() > 0
    y.square().sum().backward()
    assert not experts.w_in.grad[4:].any() and not experts.w_out.grad[4:].any()


@pytest.mark.parametrize("name", DISPATCH)
def test_all_experts_are_the_dense_mixture_and_copies_are_the_dense_layer(name: str) -> None:
    x, experts = torch.randn(17, 8), Experts(6, 8, 12)
    with torch.no_grad():
        everything = build("topk", 8, 6, k=6)(x)
        mixture = DISPATCH["dense_mixture"](x, everything, experts)
        assert error(DISPATCH[name](x, everything, experts), mixture) < 1e-5
        experts.copy_to_all(2)
        some = build("topk", 8, 6, k=2)(x)
        assert error(DISPATCH[name](x, some, experts), experts.one(2, x)) < 1e-5


@pytest.mark.parametrize("name", DISPATCH)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": (4, 7)}, "give [N, 6]"),
        ({"x": (3, 6)}, "4 tokens for 3"),
        ({"e": 4}, "5 experts for 4"),
        ({"dtype": torch.float64}, "bring both to one type"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, change: dict, said: str) -> None:
    x = torch.randn(*change.get("x", (4, 6)), dtype=change.get("dtype", torch.float32))
    with pytest.raises(BadShape) as refused:
        DISPATCH[name](x, ragged(4, 5, 2), Experts(change.get("e", 5), 6, 4))
    assert said in str(refused.value)


def test_capacity_drops_what_comes_last() -> None:
    experts, x = Experts(2, 4, 3), torch.randn(4, 4)
    routing = Routing(torch.tensor([[0], [0], [0], [1]]), torch.ones(4, 1), torch.ones(4, 1, dtype=torch.bool), 2)
    with torch.no_grad():
        y, full = capacity(x, routing, experts, factor=1.0), capacity(x, routing, experts)
    assert not y[2].any() and torch.equal(y[[0, 1, 3]], full[[0, 1, 3]])  # C = ceil(4 / 2) = 2
    with pytest.raises(BadShape):
        capacity(x, routing, experts, factor=0)


def test_padded_runs_every_slot() -> None:
    routing = ragged(10, 6, 4)
    padded = all_slots(routing)
    assert padded.assignments() == 40 and routing.assignments() < 40
    assert int(padded.index.min()) >= 0 and int(padded.index.max()) < 6


@pytest.mark.parametrize("name", RAGGED)
def test_ragged_backends_give_masked_slots_no_row(name: str) -> None:
    # An expert that only masked slots name has weights that are no numbers: who computes it shows it.
    routing = Routing(
        torch.tensor([[0, 3], [1, 3]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[True, False]] * 2), 4
    )
    experts = Experts(4, 6, 4)
    with torch.no_grad():
        experts.w_in[3] = float("nan")
        assert torch.isfinite(DISPATCH[name](torch.randn(2, 6), routing, experts)).all()
        assert not torch.isfinite(DISPATCH["padded_sorted"](torch.randn(2, 6), routing, experts)).any()


def test_the_layer_honours_inputs_and_bypass() -> None:
    class Shifted(torch.nn.Module):
        d, n_experts = 6, 3

        def forward(self, x: Tensor, context: object = None) -> Routing:
            index, ones = torch.zeros(x.shape[0], 1, dtype=torch.int64), torch.ones(x.shape[0], 1)
            return Routing(index, ones, ones.bool(), 3, inputs=x + 1, bypass=2 * x)

    experts, x = Experts(3, 6, 4), torch.randn(5, 6)
    with torch.no_grad():
        y, routing = MoELayer(Shifted(), experts, "sorted")(x)
        assert error(y, experts.one(0, x + 1) + 2 * x) < 1e-5 and routing.assignments() == 5


@pytest.mark.parametrize("name", ["grouped", "grouped_fixed"])
def test_grouped_says_what_it_does_not_know(name: str) -> None:
    with pytest.raises(BadShape, match="sorted"):
        DISPATCH[name](torch.randn(4, 6).double(), ragged(4, 3, 2), Experts(3, 6, 4).double())


def test_a_layer_that_does_not_fit_and_an_unknown_backend_are_refused() -> None:
    with pytest.raises(BadShape):
        MoELayer(build("topk", 6, 4, k=2), Experts(5, 6, 4))
    with pytest.raises(BadShape):
        MoELayer(build("topk", 6, 4, k=2), Experts(4, 6, 4), "quick")
    with pytest.raises(BadShape):
        backend("quick")
