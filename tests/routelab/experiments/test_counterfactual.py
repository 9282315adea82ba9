"""One more expert: the routing that it makes is the router's own with K + 1, and what it finds is what was planted."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from routelab import BadShape  # noqa: E402
from routelab.data import TOKENS, generate  # noqa: E402
from routelab.experiments.counterfactual import OneMore, one_more, with_one_more  # noqa: E402
from routelab.model import LabConfig, LabModel, Questions  # noqa: E402
from routelab.routing import AnyExperts  # noqa: E402

TINY = {"d": 16, "blocks": 3, "heads": 2, "vocabulary": len(TOKENS), "question_length": 6, "n_experts": 8,
        "expert_width": 8, "dense_width": 16}  # fmt: skip
OPTIONS = {"k_min": 2, "k_max": 5, "n_virtual": 2, "cap_rounding": "stochastic"}


def questions(n: int = 60) -> Questions:
    data = generate(n, 3)
    columns = (data.images, data.question, data.answer, data.modality == 1)
    return Questions(*(torch.from_numpy(column) for column in columns))


@torch.no_grad()
def test_one_more_is_what_the_router_gives_with_k_plus_one() -> None:
    few = AnyExperts(16, 8, 3, 4, n_virtual=0, rho=0.0, importance="constant")
    many = AnyExperts(16, 8, 4, 4, n_virtual=0, rho=0.0, importance="constant")
    many.load_state_dict(few.state_dict())
    few.delta = -20.0  # K = K_min
    x = torch.randn(40, 16)
    # alpha w x and the logits' correction depend on w, which the shift moves: take them out of both.
    for router in (few, many):
        router.fusion, router.correction = False, "none"
    fewer, more = few(x), many(x)
    assert fewer.mean_real_experts() == 3.0 and more.mean_real_experts() == 4.0
    made = with_one_more(fewer, torch.arange(0, 40, 2)).checked()
    assert torch.equal(made.real[::2], more.real[::2]) and torch.equal(made.index[::2], more.index[::2])
    assert torch.allclose(made.weight[::2], more.weight[::2], atol=1e-6)
    assert torch.equal(made.weight[1::2], fewer.weight[1::2]), "another row was changed"


@torch.no_grad()
def test_weights_and_bypass_still_sum_to_one() -> None:
    router = AnyExperts(16, 8, 2, 5, n_virtual=2, fusion=False)
    torch.nn.init.normal_(router.mlp[2].weight, std=3.0)
    x = torch.ones(30, 16) + torch.randn(30, 16)
    routing = router(x)
    rows = (routing.real.sum(1) < routing.k_max).nonzero().squeeze(1)
    made = with_one_more(routing, rows).checked()
    assert routing.bypass is not None and made.bypass is not None
    share = made.weight.sum(1) + made.bypass[:, 0] / x[:, 0]
    assert torch.allclose(share, torch.ones(30), atol=1e-5)
    assert torch.equal(made.real.sum(1)[rows], routing.real.sum(1)[rows] + 1)


def test_each_question_gives_one_entry_per_layer_and_the_model_is_left_as_it_was() -> None:
    model = LabModel(LabConfig(**TINY, router="anyexperts", router_options=OPTIONS))
    for router in model.routers():
        torch.nn.init.normal_(router.mlp[2].weight, std=2.0)
    before = list(model.routers())
    asked = questions()
    found = one_more(model, asked)
    assert list(model.routers()) == before
    assert len(found.gain) == len(found.importance) <= 2 * len(asked) and set(found.layer) == {0, 1}
    assert len(found.gain) > len(asked) and np.ptp(found.importance) > 0.01 and np.ptp(found.gain) > 0
    assert found.vision.any() and (~found.vision).any()
    again = one_more(model, asked)
    assert np.array_equal(found.gain, again.gain)


def test_no_expert_that_computes_gives_no_gain() -> None:
    model = LabModel(LabConfig(**TINY, router="anyexperts", router_options={**OPTIONS, "virtual_output": "zero"}))
    for layer in (block.layer for block in model.blocks):
        if hasattr(layer, "experts"):
            torch.nn.init.zeros_(layer.experts.w_out)
    assert np.abs(one_more(model, questions()).gain).max() == 0


def test_the_summary_sees_a_planted_relation() -> None:
    draws = np.random.default_rng(0)
    w = draws.random(900)
    layer, vision = np.arange(900) % 3, np.arange(900) % 2 == 0
    knows = OneMore(w, 1e-3 * w + 1e-4 * draws.normal(size=900), layer, vision).summary()
    assert knows["spearman"]["all"]["low"] > 0.8 and set(knows["spearman"]) >= {"text", "vision", "layer 0", "layer 2"}
    assert knows["gain_in_thirds_of_importance_millinats"] == pytest.approx([1 / 6, 3 / 6, 5 / 6], abs=0.05)
    blind = OneMore(w, draws.normal(size=900), layer, vision).summary()
    assert blind["spearman"]["all"]["low"] < 0 < blind["spearman"]["all"]["high"]
    flat = OneMore(np.full(900, 0.5), draws.normal(size=900), layer, vision).summary()
    assert flat["spearman"]["all"]["estimate"] is None, "a constant importance correlates with nothing"


def test_other_models_are_refused() -> None:
    with pytest.raises(BadShape, match="AnyExperts"):
        one_more(LabModel(LabConfig(**TINY, router_options={"k": 2})), questions(8))
    with pytest.raises(BadShape, match="softmax"):
        options = {**OPTIONS, "gate": "sigmoid"}
        one_more(LabModel(LabConfig(**TINY, router="anyexperts", router_options=options)), questions(8))
