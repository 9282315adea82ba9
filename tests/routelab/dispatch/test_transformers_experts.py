"""transformers' experts functions compute the same sum, so that what is timed is one and the same thing."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import LabError  # noqa: E402
from routelab.dispatch import DISPATCH, Experts  # noqa: E402
from routelab.dispatch import transformers_experts as module  # noqa: E402
from routelab.routing import Routing, build  # noqa: E402

needs = pytest.mark.skipif(module.why_not() is not None, reason=module.why_not() or "")


@needs
@pytest.mark.parametrize("kind", ["grouped_mm", "batched_mm"])
@pytest.mark.parametrize("form", ["gelu", "swiglu"])
def test_it_is_the_loop(kind, form) -> None:
    x, experts = torch.randn(19, 16), Experts(6, 16, 24, form)
    with torch.no_grad():
        for k_real in (1.0, 0.6, 0.0):
            top = build("topk", 16, 6, k=3)(x)
            real = torch.rand(19, 3) < k_real
            routing = Routing(top.index, torch.where(real, top.weight, 0), real, 6).checked()
            y = module.transformers_experts(kind)(x, routing, experts)
            assert torch.allclose(y, DISPATCH["loop"](x, routing, experts), atol=1e-5)
        assert module.transformers_experts(kind)(x[:0], build("topk", 16, 6, k=3)(x[:0]), experts).shape == (0, 16)


def test_without_it_a_line_says_so(monkeypatch) -> None:
    monkeypatch.setattr(module, "why_not", lambda: "it is not there")
    with pytest.raises(LabError, match="lab-models"):
        module.transformers_experts("grouped_mm")
