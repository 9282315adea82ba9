"""Int8 experts: what they round to, how far off they are, and what they refuse."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadShape, LabError  # noqa: E402
from routelab.dispatch import DISPATCH, Experts, quantised  # noqa: E402
from routelab.dispatch.quantised import Int8Experts, int8_product, quantise  # noqa: E402
from routelab.routing import Routing, build  # noqa: E402

needs_product = pytest.mark.skipif(not int8_product(), reason="this build of torch has no int8 weight product")


def test_rounding_is_to_the_nearest_of_255_steps_and_keeps_zeros() -> None:
    w = torch.randn(5, 40)
    w[2] = 0
    q, scale = quantise(w)
    assert q.dtype == torch.int8 and int(q.abs().max()) == 127 and scale[2] == 1
    assert ((q * scale[:, None] - w).abs() <= scale[:, None] / 2 + 1e-7).all() and not q[2].any()


@needs_product
@pytest.mark.parametrize("kind", ["gelu", "swiglu"])
@pytest.mark.parametrize(("d", "width"), [(32, 48), (16, 24), (40, 7), (9, 33)])  # the product itself wants 16s
def test_output_is_near_that_of_the_widened_weights_and_of_the_exact_layer(kind: str, d: int, width: int) -> None:
    experts, x = Experts(6, d, width, kind), torch.randn(40, d)
    routing = build("topk", d, 6, k=2)(x)
    with torch.no_grad():
        exact = DISPATCH["sorted"](x, routing, experts)
        low = Int8Experts(experts)
        y = low(x.bfloat16(), routing)
        widened = Experts(6, d, width, kind)
        widened.w_in.copy_((low.q_in.float() * low.scale_in.float()[..., None])[..., :d].transpose(1, 2))
        widened.w_out.copy_((low.q_out.float() * low.scale_out.float()[..., None])[..., :width].transpose(1, 2))
        same = DISPATCH["sorted"](x, routing, widened)

    def off(a, b) -> float:
        return float((a.double() - b.double()).norm() / b.double().norm())

    assert off(y, same) < 0.01 and 0 < off(y, exact) < 0.02
    assert low.q_in.dtype == low.q_out.dtype == torch.int8


@needs_product
def test_nothing_to_run_and_what_does_not_fit() -> None:
    low = Int8Experts(Experts(3, 8, 16))
    none = Routing(torch.zeros(2, 1).long(), torch.zeros(2, 1), torch.zeros(2, 1).bool(), 3)
    assert not low(torch.randn(2, 8).bfloat16(), none).any()
    for x in (torch.randn(2, 8), torch.randn(2, 9).bfloat16(), torch.randn(3, 8).bfloat16()):
        with pytest.raises(BadShape):
            low(x, none)


def test_a_build_without_the_product_says_so(monkeypatch) -> None:
    monkeypatch.setattr(quantised, "int8_product", lambda: False)
    with pytest.raises(LabError, match="use fp32 or bf16"):
        Int8Experts(Experts(2, 4, 4))
