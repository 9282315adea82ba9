"""Top-P and DTop-p against a slow reference, and the controller against its recurrence."""

from __future__ import annotations

import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.routelab.mutations import ROUTING, Mutation, assert_caught, load  # noqa: E402
from tests.routelab.reference import dynamic as slow  # noqa: E402
from tests.routelab.reference import topk as plain  # noqa: E402
from tests.routelab.routing_cases import (  # noqa: E402
    array,
    as_identity,
    assert_same,
    close,
    logit_cases,
    numeric_gradient,
    pairs,
)

from routelab import BadShape  # noqa: E402
from routelab.routing import DTopP, TopP, build, calibrate_shift, share_controller  # noqa: E402

FILE = ROUTING / "top_p.py"
MUTATIONS = (
    Mutation("before < threshold", "before > threshold"),
    Mutation("cumsum(-1) - chosen", "cumsum(-1) + chosen"),
    Mutation("weight = weight / weight.sum", "weight = weight * weight.sum"),
    Mutation("self.entropy_coefficient * h", "self.entropy_coefficient / h"),
    Mutation("self.p + self.shift", "self.p - self.shift"),
    Mutation("(self.target - experts / tokens)", "(self.target + experts / tokens)"),
    Mutation("alpha=1 - self.decay", "alpha=2 - self.decay"),
    Mutation("self.k_i * self.total", "self.k_p * self.total"),
    Mutation("self.scale * z *", "self.scale + z *"),
    Mutation(".clamp(0.02, 0.98)", ".clamp(0.03, 0.98)"),
    Mutation("threshold + self.shift", "threshold - self.shift"),
)


def pin(module: types.ModuleType) -> None:
    for threshold in (0.05, 0.4, 0.9, 1.0):
        for k_max in (None, 3):
            for z in logit_cases(6):
                ties = len({float(v) for v in z.flatten()}) <= 3
                if ties and threshold in (0.05, 1.0):
                    continue  # equal probabilities that add up to the threshold exactly: rounding decides
                for normalise in (False, True):
                    router = module.TopP(
                        6, 6, p=threshold, k_max=k_max, normalise=normalise, balance=0.3, entropy_coefficient=0.2
                    )
                    as_identity(router.gate)
                    got, want = router(z), slow.top_p(array(z), threshold, k_max or 6, normalise)
                    if threshold < 1:
                        assert_same(pairs(got), want, array(z))
                    if len(z):
                        rows = [list(row) for row in pairs(got)]
                        close(float(got.aux["balance"].detach()), 0.3 * plain.balance(array(z), rows))
                        h = np.mean([slow.entropy(list(row)) for row in array(z)])
                        close(float(got.aux["entropy"].detach()), 0.2 * h)
    z = torch.randn(40, 6, generator=torch.Generator().manual_seed(4))
    router = module.TopP(6, 6, p=0.4)
    as_identity(router.gate)
    router.shift = 0.3
    assert_same(pairs(router(z)), slow.top_p(array(z), 0.7, 6), array(z))
    dynamic = module.DTopP(6, 6, 2, start=0.5, k_p=0.2, k_i=0.05)
    as_identity(dynamic.gate)
    with torch.no_grad():
        dynamic.scale.fill_(1.7)
    dynamic.shift = 0.125
    z = torch.randn(30, 6, generator=torch.Generator().manual_seed(99))
    scaled = slow.standardised(array(z), 1.7)
    assert_same(pairs(dynamic.eval()(z)), slow.top_p(scaled, 0.625, 6), scaled)
    dynamic.train()
    dynamic.shift = 0.0
    p, means = 0.5, []
    for step in range(12):
        z = torch.randn(30, 6, generator=torch.Generator().manual_seed(step))
        got = dynamic(z)
        scaled = slow.standardised(array(z), 1.7)
        assert_same(pairs(got), slow.top_p(scaled, p, 6), scaled)
        means.append(got.mean_real_experts())
        dynamic.after_step()
        p = slow.controller(means, 2, 6, 0.5, 0.2, 0.05)
        close(float(dynamic.controller.threshold), p)
        dynamic.after_step()  # nothing was reported since
        close(float(dynamic.controller.threshold), p)
    for measured in (0, 6):  # to either end, and some way back
        held = module.ThresholdController(3, 6, 0.3, k_p=0.1, k_i=0.2)
        means = []
        for step in range(40):
            means.append(measured if step < 30 else 6 - measured)
            held.report(torch.arange(6).expand(5, 6) < means[-1])
            held.step()
            close(float(held.threshold), slow.controller(means, 3, 6, 0.3, 0.1, 0.2))
    proportional = module.ThresholdController(3, 6, 0.3, k_i=0.0)
    proportional.report(torch.ones(5, 6, dtype=torch.bool))
    proportional.step()
    close(float(proportional.threshold), 0.3 - 0.1 * 0.1 * 0.5)
    plain_one, by_default = module.TopP(6, 6), module.DTopP(6, 6, 6)
    assert (plain_one.p, plain_one.balance, plain_one.entropy_coefficient) == (0.4, 1e-4, 1e-3)
    assert (by_default.p, by_default.balance, by_default.entropy_coefficient) == (0.4, 1e-4, 0.0)
    assert (by_default.controller.k_p, by_default.controller.k_i) == (0.1, 0.01)
    assert (proportional.k_p, module.ThresholdController(3, 6, 0.3).k_i) == (0.1, 0.01)
    layers = [module.DTopP(6, 6, 1) for _ in range(2)]
    first = layers[0].controller
    assert module.share_controller(layers) is first is layers[1].controller


def test_top_p_is_what_the_equation_says() -> None:
    pin(load(FILE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_of_one_character_is_seen(mutation: Mutation) -> None:
    assert_caught(FILE, mutation, pin)


def test_the_controller_brings_the_mean_to_the_target() -> None:
    router = DTopP(16, 16, 5.0, start=0.2, k_i=0.05)
    x = torch.randn(2000, 16)
    before = router(x).mean_real_experts()
    for i in range(150):
        router(torch.randn(256, 16, generator=torch.Generator().manual_seed(i)))
        router.after_step()
    assert before < 4 and abs(router(x).mean_real_experts() - 5) < 0.3
    router.after_step()
    router.eval()
    held = float(router.controller.threshold)
    router(x)
    router.after_step()
    assert float(router.controller.threshold) == held, "evaluation must not move the threshold"


def test_layers_share_one_threshold() -> None:
    layers = [DTopP(8, 8, 3.0) for _ in range(3)]
    controller = share_controller(layers)
    for layer in layers:
        layer(torch.randn(64, 8))
    reported = controller.reported.tolist()
    assert reported[1] == 3 * 64
    for layer in layers:
        layer.after_step()
    assert float(controller.error) == pytest.approx(0.1 * (3.0 - reported[0] / reported[1]) / 8)
    with pytest.raises(BadShape, match="no router"):
        share_controller([])


def test_gradient_of_the_weights() -> None:
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    c = np.arange(1.0, 7.0)
    router = TopP(6, 6, p=0.6, normalise=True)
    as_identity(router.gate)
    x = z.clone().requires_grad_()
    routing = router(x)
    (routing.weight * torch.tensor(c, dtype=torch.float32)[routing.index]).sum().backward()

    def of(logits: slow.Array) -> float:
        return sum(c[e] * w for row in slow.top_p(logits, 0.6, 6, True) for e, w in row.items())

    close(x.grad, numeric_gradient(of, array(z)), 1e-4)


def test_a_shift_reaches_a_budget() -> None:
    router = build("top_p", 16, 16, p=0.4)
    x = torch.randn(1000, 16)
    found = calibrate_shift([router], lambda: router(x).mean_real_experts(), 6.0, reach=1.0)
    assert found.off_by() < 0.02 and router.shift == found.shift
    assert router(x).mean_real_experts() == found.reached
    with pytest.raises(BadShape, match="a budget of 17"):
        calibrate_shift([router], lambda: router(x).mean_real_experts(), 17.0, reach=1.0)
    assert router.shift == 0.0


def test_numbers_that_do_not_fit_and_equal_logits() -> None:
    with pytest.raises(BadShape, match="a threshold of 0"):
        build("top_p", 8, 4, p=0)
    with pytest.raises(BadShape, match="a mean of 5"):
        build("dtop_p", 8, 4, k=5)
    x = torch.zeros(3, 8, requires_grad=True)
    routing = build("dtop_p", 8, 4, k=2)(x).checked()
    routing.weight.sum().backward()
    assert bool(torch.isfinite(x.grad).all()), "logits of no spread"
    assert bool(TopP(8, 4, p=1e-9)(torch.randn(50, 8)).real.any(1).all()), "always one expert"
