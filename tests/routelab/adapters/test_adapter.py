"""Strategies in Hugging Face models: stock is the model to the bit, others do what they say and spend what they say."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="the extra [lab-models] is not installed")

import numpy as np  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.adapters import (  # noqa: E402
    SMALL,
    Adapter,
    ByModality,
    Fewer,
    Fractional,
    RandomChoice,
    Routed,
    Skip,
    Stock,
    Strategy,
    Together,
    TopMass,
    moe_blocks,
    small_model,
)
from routelab.routing import AnyExperts, TopK  # noqa: E402

MODELS: dict[str, Any] = {}


def model_of(family: str) -> Any:
    if family not in MODELS:
        MODELS[family] = small_model(family)
    return MODELS[family]


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def inputs_of(family: str, batch: int = 2, length: int = 11) -> dict[str, Any]:
    ids = torch.randint(3, 140, (batch, length), generator=torch.Generator().manual_seed(1))
    if family != "qwen3_vl_moe":
        return {"input_ids": ids}
    ids[:, 2], ids[:, 3:7], ids[:, 7] = 152, 150, 153  # one image of 4 x 4 patches, merged to 4 tokens
    return {
        "input_ids": ids,
        "mm_token_type_ids": (ids == 150).int(),
        "pixel_values": torch.randn(batch * 16, 96, generator=torch.Generator().manual_seed(2)),
        "image_grid_thw": torch.tensor([[1, 4, 4]] * batch),
    }


def logits(model: Any, strategy: Strategy | None, inputs: dict[str, Any], seed: int = 0) -> tuple[Any, Adapter]:
    generator = torch.Generator().manual_seed(seed)
    with Adapter(model, strategy, record=True, generator=generator) as adapter:
        out = model(**inputs).logits
    return out, adapter


@pytest.mark.parametrize("family", SMALL)
def test_with_the_stock_strategy_the_output_is_the_models_own_to_the_bit(family: str) -> None:
    model, inputs = model_of(family), inputs_of(family)
    plain = model(**inputs).logits
    state = {name: value.clone() for name, value in model.state_dict().items()}
    ours, adapter = logits(model, Stock(), inputs)
    assert torch.equal(plain, ours)
    assert torch.equal(model(**inputs).logits, plain)  # and nothing stays behind
    assert set(model.state_dict()) == set(state)
    trace = adapter.trace()
    blocks = moe_blocks(model)
    assert (trace.layers, trace.tokens) == (len(blocks), 22)
    assert trace.n_experts == blocks[0].experts.num_experts
    assert (trace.index >= 0).all()
    for layer in range(trace.layers):
        trace.routing(layer).checked()
    tokens = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    with Adapter(model, Stock(), record=True) as adapter:
        assert torch.equal(model.generate(**inputs, max_new_tokens=3, do_sample=False), tokens)
    trace = adapter.trace()
    assert np.bincount(trace.step).tolist() == [22, 2, 2]  # prefill, and two tokens decoded from a cache
    assert np.bincount(trace.sequence).tolist() == [13, 13]


@pytest.mark.parametrize("implementation", ["eager", "grouped_mm", "batched_mm"])
@pytest.mark.parametrize("family", SMALL)
def test_as_many_experts_as_stock_is_stock_and_fewer_is_the_models_own_with_that_k(
    family: str, implementation: str
) -> None:
    model, inputs = model_of(family), inputs_of(family)
    model.set_experts_implementation(implementation)
    k = moe_blocks(model)[0].gate.top_k
    plain = model(**inputs).logits
    torch.testing.assert_close(logits(model, Fewer(k), inputs)[0], plain, atol=1e-5, rtol=1e-4)
    fewer, adapter = logits(model, Fewer(1), inputs)
    assert (adapter.trace().index >= 0).sum(-1).max() == 1
    assert float((fewer - plain).abs().max()) > 1e-4
    for block in moe_blocks(model):
        block.gate.top_k = 1  # the model's own code with another k
    try:
        torch.testing.assert_close(fewer, model(**inputs).logits, atol=1e-5, rtol=1e-4)
    finally:
        for block in moe_blocks(model):
            block.gate.top_k = k
        model.set_experts_implementation("grouped_mm")


@pytest.mark.parametrize("family", SMALL)
def test_slots_that_are_skipped_change_the_output_as_zero_weights_do(family: str) -> None:
    """Each implementation drops masked slots; by hand the same slots get weight 0 in the model's own code."""
    model, inputs = model_of(family), inputs_of(family)
    strategy = Skip(0.13, 0.13)
    seen = {}
    for implementation in ("eager", "grouped_mm", "batched_mm"):
        model.set_experts_implementation(implementation)
        seen[implementation], adapter = logits(model, strategy, inputs)
        routings = adapter.routings
    model.set_experts_implementation("eager")
    assert any(bool((~routing.real).any()) for routing in routings)
    handles = []
    for block, routing in zip(moe_blocks(model), routings, strict=True):

        def zeroed(gate: Any, args: Any, output: Any, routing: Any = routing) -> Any:
            return output[0], routing.weight.to(output[1].dtype), routing.index

        handles.append(block.gate.register_forward_hook(zeroed))
    by_hand = model(**inputs).logits
    for handle in handles:
        handle.remove()
    model.set_experts_implementation("grouped_mm")
    for implementation, ours in seen.items():
        torch.testing.assert_close(ours, by_hand, atol=1e-5, rtol=1e-4, msg=implementation)


@pytest.mark.parametrize("family", SMALL)
def test_every_strategy_keeps_the_promises_of_a_routing(family: str) -> None:
    model, inputs = model_of(family), inputs_of(family)
    k = moe_blocks(model)[0].gate.top_k
    counts = {}
    strategies: tuple[Strategy, ...] = (
        Fractional(1.5), ByModality(2, 1), Skip(0.2, 0.1, keep_first=True), Skip(9.0, 9.0), TopMass(0.4, k),
        Together(1), RandomChoice(),
    )  # fmt: skip
    for strategy in strategies:
        out, adapter = logits(model, strategy, inputs)
        assert bool(torch.isfinite(out).all())
        for routing in adapter.routings:
            routing.checked()
        counts[strategy] = (adapter.trace().index >= 0).sum(-1)
    assert counts[strategies[0]].mean() == 1.5
    visual = int((inputs["input_ids"] == 150).sum()) if family == "qwen3_vl_moe" else 0
    assert counts[strategies[1]].sum(-1).tolist() == [2 * 22 - visual] * len(counts[strategies[1]])
    assert counts[strategies[2]].min() >= 1
    assert counts[strategies[3]].max() == 0  # everything skipped: shared experts and the residual path go on
    assert counts[strategies[4]].min() >= 1
    assert counts[strategies[5]].max() <= k
    assert (counts[strategies[6]] == k).all()


def test_piggy_back_touches_only_what_some_token_keeps() -> None:
    model, inputs = model_of("qwen3_moe"), inputs_of("qwen3_moe")
    _, stock = logits(model, Stock(), inputs)
    _, ours = logits(model, Together(2), inputs)
    first = ours.routings[0]
    kept = set(stock.routings[0].index[:, :2].flatten().tolist())
    assert set(first.index[first.real].tolist()) == kept
    assert first.distinct_experts() < stock.routings[0].distinct_experts()
    assert int(first.real.sum(1).min()) >= 2


@pytest.mark.parametrize("dtype", [torch.bfloat16])
@pytest.mark.parametrize("family", SMALL)
def test_in_bfloat16(family: str, dtype: torch.dtype) -> None:
    model, inputs = copy.deepcopy(model_of(family)).to(dtype), inputs_of(family)
    if "pixel_values" in inputs:
        inputs["pixel_values"] = inputs["pixel_values"].to(dtype)
    plain = model(**inputs).logits
    assert torch.equal(logits(model, Stock(), inputs)[0], plain)
    assert bool(torch.isfinite(logits(model, Skip(0.15, 0.15), inputs)[0]).all())


def test_deepseeks_groups_are_kept() -> None:
    for family, options in (
        ("deepseek_v2", {"topk_method": "group_limited_greedy", "n_group": 8, "topk_group": 3}),
        ("deepseek_v3", {"n_group": 8, "topk_group": 4}),
    ):
        model, inputs = small_model(family, **options), inputs_of(family)
        plain = model(**inputs).logits
        torch.testing.assert_close(logits(model, Fewer(6), inputs)[0], plain, atol=1e-5, rtol=1e-4)
        _, adapter = logits(model, Fewer(6), inputs)
        for routing in adapter.routings:
            groups = [set((row // 8).tolist()) for row in routing.index]
            assert max(map(len, groups)) <= options["topk_group"]


def test_padding_is_left_out_of_the_trace_and_text_is_text() -> None:
    model, inputs = model_of("olmoe"), inputs_of("olmoe")
    mask = torch.ones(2, 11, dtype=torch.int64)
    mask[0, :4] = 0
    _, adapter = logits(model, Stock(), {**inputs, "attention_mask": mask})
    trace = adapter.trace()
    assert np.bincount(trace.sequence).tolist() == [7, 11]
    assert trace.modality is not None
    assert trace.modality.sum() == 0
    embedded = model.get_input_embeddings()(inputs["input_ids"])
    out, adapter = logits(model, Stock(), {"inputs_embeds": embedded})
    assert torch.equal(out, model(**inputs).logits)
    assert adapter.trace().modality is None
    with pytest.raises(BadShape, match="give input_ids, not embeddings"):
        logits(model, ByModality(1, 2), {"inputs_embeds": embedded})
    assert torch.equal(model(**inputs).logits, out)  # a failure in the middle leaves nothing behind


def test_visual_tokens_are_known_by_their_placeholder() -> None:
    model, inputs = model_of("qwen3_vl_moe"), inputs_of("qwen3_vl_moe")
    _, adapter = logits(model, ByModality(4, 1), inputs)
    trace = adapter.trace()
    assert trace.modality is not None
    visual = (inputs["input_ids"] == 150).flatten().numpy()
    assert np.array_equal(trace.modality == 1, visual)
    slots = (trace.index[0] >= 0).sum(-1)
    assert set(slots[visual]) == {1}
    assert set(slots[~visual]) == {4}


def test_routers_of_the_lab_in_a_model_with_their_own_weights() -> None:
    model, inputs = model_of("mixtral"), inputs_of("mixtral")
    plain = model(**inputs).logits
    routers = [TopK(32, 8, 2) for _ in range(3)]
    for router, block in zip(routers, moe_blocks(model), strict=True):
        router.gate.weight.copy_(block.gate.weight)
    torch.testing.assert_close(logits(model, Routed(routers), inputs)[0], plain, atol=1e-5, rtol=1e-4)
    # AnyExperts changes what experts read and adds what virtual experts return: by hand, in the model's own blocks.
    dynamic = [AnyExperts(32, 8, 2, 3, rho=0.4, alpha=0.5) for _ in range(3)]
    out, adapter = logits(model, Routed(dynamic), inputs)
    assert any(bool((routing.bypass != 0).any()) for routing in adapter.routings if routing.bypass is not None)
    assert float((out - plain).abs().max()) > 1e-3
    block, x = moe_blocks(model)[0], torch.randn(22, 32)
    with Adapter(model, Routed(dynamic)) as adapter:
        model(**inputs)  # a step begins
        adapter._step.routings.clear()
        layer = model.model.layers[0].mlp
        ours = layer(x[None])[0]
    routing = dynamic[0](x)
    want = routing.bypass.clone()
    for i in range(22):
        for e, w, real in zip(routing.index[i], routing.weight[i], routing.real[i], strict=True):
            if real:
                gate, up = (block.experts.gate_up_proj[e] @ routing.inputs[i]).chunk(2)
                want[i] += w * (block.experts.down_proj[e] @ (torch.nn.functional.silu(gate) * up))
    torch.testing.assert_close(ours, want, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        (Fewer(9), "9 experts of 8"),
        (Fewer(0), "0 experts of 8"),
        (Fractional(float("nan")), "a mean of nan experts"),
        (Fractional(8.5), "9 experts of 8"),
        (Together(3), "3 own experts of 2"),
        (Skip(0.1, 0.1, alpha=(1.0,)), "1 sensitivities for layer 1"),
        (Routed([TopK(32, 8, 2)]), "1 routers for layer 1"),
        (Routed([TopK(32, 4, 2)] * 3), "a router for 4 experts in a layer of 8"),
    ],
)
def test_numbers_that_do_not_fit(strategy: Strategy, says: str) -> None:
    with pytest.raises(BadShape, match=says):
        logits(model_of("mixtral"), strategy, inputs_of("mixtral"))


def test_models_that_are_none() -> None:
    with pytest.raises(BadShape, match="has no layer with a gate"):
        Adapter(torch.nn.Linear(3, 3))
    with pytest.raises(BadShape, match="there is no small model 'gpt'"):
        small_model("gpt")
    other = small_model("qwen3_moe")
    for block in moe_blocks(other):
        block.experts.config.model_type = "something_else"
    with pytest.raises(BadShape, match="routes as something_else"):
        Adapter(other)


def test_a_router_that_scores_otherwise_than_its_family_is_refused() -> None:
    model = small_model("mixtral")
    gate = moe_blocks(model)[1].gate
    stock = gate.forward
    gate.forward = lambda x: (stock(x)[0], stock(x)[1] * 2, stock(x)[2])  # as a later version might
    with pytest.raises(BadShape, match=r"layers\.1\.mlp: its router does not score as mixtral"):
        Adapter(model)


def test_a_layer_without_its_model_is_refused() -> None:
    model = model_of("mixtral")
    with Adapter(model), pytest.raises(BadShape, match="outside of a call of its model"):
        model.model.layers[0].mlp(torch.randn(1, 5, 32))


def test_an_adapter_records_only_when_asked_and_goes_in_once() -> None:
    model, inputs = model_of("mixtral"), inputs_of("mixtral")
    with Adapter(model) as adapter:
        model(**inputs)
        with pytest.raises(BadShape, match="in place already"):
            adapter.__enter__()
    with pytest.raises(BadShape, match="nothing was recorded"):
        adapter.trace()
