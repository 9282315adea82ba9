"""The lab's model: cached decoding gives what a full pass gives; padding costs and changes nothing."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadShape  # noqa: E402
from routelab.model import LabConfig, LabModel, Tally  # noqa: E402
from routelab.routing import TEXT, VISION  # noqa: E402

TINY = {"d": 16, "blocks": 3, "heads": 2, "vocabulary": 20, "question_length": 5, "n_experts": 8, "expert_width": 8,
        "dense_width": 16}  # fmt: skip
ROUTERS = {
    "topk": {"k": 3},
    "sigmoid_bias": {"k": 3},
    "hash": {"k": 2},
    "adamoe": {"k": 3, "n_null": 3},
    "top_p": {"p": 0.4},
    "moepp": {"k": 2},
    "anyexperts": {"k_min": 2, "k_max": 4, "n_virtual": 2},
    "smoes": {"k": 2, "n_bins": 4},
}


def model(router: str = "topk", **changes: object) -> LabModel:
    options = {"router": router, "router_options": ROUTERS[router], **TINY, **changes}
    return LabModel(LabConfig(**options)).eval()


def batch(n: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures, questions of one to five tokens, answers of one to three, and who has a picture."""
    images = torch.randint(0, 256, (n, 32, 32, 3), dtype=torch.uint8)
    question = torch.randint(2, 20, (n, 5))
    answer = torch.randint(2, 20, (n, 3))
    for row in range(n):
        question[row, : row % 5] = 0
        answer[row, 1 + row % 3 :] = 0
    has_image = torch.arange(n) % 3 != 2
    return images, question, answer, has_image


@pytest.mark.parametrize("router", ROUTERS)
@torch.no_grad()
def test_cached_decoding_gives_what_a_full_pass_gives(router: str) -> None:
    made = model(router)
    images, question, answer, has_image = batch()
    full = made(images, question, answer, has_image=has_image)
    logits, prefix, routings = made.prefill(images, question, has_image=has_image)
    assert torch.allclose(logits, full.logits[:, 0], atol=1e-5)
    for place in range(2):
        logits, prefix, _ = made.step(answer[:, place], prefix)
        goes_on = answer[:, place] != 0
        assert torch.allclose(logits[goes_on], full.logits[goes_on, place + 1], atol=1e-5)
    # The same experts run for the tokens of the prefix.
    text_before_answer = full.layout.position < 16 + 5
    for cached, whole in zip(routings, full.routings, strict=True):
        assert torch.equal(cached.index[cached.real], whole.index[text_before_answer][whole.real[text_before_answer]])


@torch.no_grad()
def test_cached_decoding_with_a_layer_of_soft_slots() -> None:
    made = model(layer="soft_vision", router_options={"k": 2}, layer_options={"slots": 1})
    images, question, answer, has_image = batch()
    full = made(images, question, answer, has_image=has_image)
    logits, prefix, _ = made.prefill(images, question, has_image=has_image)
    assert torch.allclose(logits, full.logits[:, 0], atol=1e-5)
    logits, _, _ = made.step(answer[:, 0], prefix)
    assert torch.allclose(logits, full.logits[:, 1], atol=1e-5)


@torch.no_grad()
def test_a_sample_is_answered_alike_alone_and_among_others() -> None:
    made = model()
    images, question, answer, has_image = batch()
    together = made(images, question, answer, has_image=has_image).logits
    for row in range(len(question)):
        part = slice(row, row + 1)
        alone = made(images[part], question[part], answer[part], has_image=has_image[part]).logits[0]
        there = answer[row] != 0
        assert torch.allclose(alone[there], together[row][there], atol=1e-5)


@torch.no_grad()
def test_padding_and_missing_pictures_are_not_computed() -> None:
    images, question, answer, has_image = batch()
    output = model()(images, question, answer, has_image=has_image)
    modality = output.layout.modality
    assert int((modality == VISION).sum()) == 16 * int(has_image.sum())
    assert int((modality == TEXT).sum()) == int((question != 0).sum() + (answer[:, :-1] != 0).sum())
    assert all(r.index.shape[0] == modality.shape[0] for r in output.routings)


@torch.no_grad()
def test_a_picture_that_a_text_only_question_carries_is_not_seen() -> None:
    made = model()
    images, question, answer, has_image = batch()
    before = made(images, question, answer, has_image=has_image).logits
    changed = images.clone()
    changed[~has_image] = 255 - changed[~has_image]
    assert torch.equal(made(changed, question, answer, has_image=has_image).logits, before)
    none = torch.zeros_like(has_image)
    assert torch.equal(
        made(None, question, answer).logits, made(images, question, answer, has_image=none).logits
    )


@torch.no_grad()
def test_an_answer_depends_on_its_picture_and_not_on_what_comes_after() -> None:
    made = model()
    images, question, answer, _ = batch()
    before = made(images, question, answer).logits
    assert not torch.allclose(made(255 - images, question, answer).logits, before, atol=1e-3)
    other = answer.clone()
    other[:, 1] = torch.where(other[:, 1] != 0, 19 - other[:, 1].clamp(max=17), 0)
    assert torch.equal(made(images, question, other).logits[:, :2], before[:, :2])


@torch.no_grad()
def test_greedy_answers_are_those_that_teacher_forcing_calls_right() -> None:
    made = model()
    images, question, _, has_image = batch(12)
    given = made.answer(images, question, end=1, has_image=has_image)
    output = made(images, question, given, has_image=has_image)
    assert bool(((output.logits.argmax(-1) == given) | (given == 0)).all())
    wrong = given.clone()
    wrong[:, 0] = (wrong[:, 0] + 1) % 20
    output = made(images, question, wrong, has_image=has_image)
    assert not bool((output.logits.argmax(-1)[:, 0] == wrong[:, 0]).any())


@torch.no_grad()
def test_attention_is_given_on_request_and_sums_to_one() -> None:
    images, question, answer, has_image = batch()
    output = model()(images, question, answer, has_image=has_image, keep_attention=True)
    assert len(output.attention) == 3 and output.attention[0].shape == (6, 2, 23, 23)
    assert torch.allclose(output.attention[0].sum(-1), torch.ones(6, 2, 23), atol=1e-5)
    first_text = output.attention[1][0, :, 16 + 4]
    assert bool((first_text[:, 16 + 5 :] == 0).all()), "text sees what comes after it"
    assert bool((output.attention[1][2, :, 16 + 4, :16] == 0).all()), "a text-only question sees a picture"


def test_soft_scores_reach_the_router_in_training_alone() -> None:
    made = model("smoes", scores="attention")
    images, question, answer, has_image = batch()
    made.train()
    output = made(images, question, answer, has_image=has_image)
    assert "information" in output.routings[0].aux
    made.eval()
    assert not made(images, question, answer, has_image=has_image).routings[0].aux
    with pytest.raises(BadShape, match="modality_score"):
        model("smoes").train()(images, question, answer)


def test_a_frozen_router_gets_no_gradient() -> None:
    made = model(frozen_router=True).train()
    images, question, answer, _ = batch()
    made(images, question, answer).logits.sum().backward()
    assert all(p.grad is None for router in made.routers() for p in router.parameters())
    assert made.blocks[1].layer.experts.w_in.grad is not None


def test_configurations_survive_json_and_name_what_is_wrong() -> None:
    config = model("adamoe").config
    assert LabConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert len(config.digest()) == 64
    with pytest.raises(BadShape, match="experts_of"):
        LabConfig.from_dict({"experts_of": 3})
    with pytest.raises(BadShape, match="heads"):
        LabConfig(d=10, heads=4)
    with pytest.raises(BadShape, match="n_experts"):
        LabConfig(n_experts=0)
    with pytest.raises(BadShape, match="layer"):
        LabModel(LabConfig(layer="other"))
    with pytest.raises(BadShape, match="k in 1"):
        LabModel(LabConfig(n_experts=4, router_options={"k": 5}))


def test_bad_batches_are_refused_with_what_they_should_be() -> None:
    made = model()
    images, question, answer, _ = batch()
    with pytest.raises(BadShape, match=r"images of shape \(6, 16, 32, 3\)"):
        made(images[:, :16], question, answer)
    with pytest.raises(BadShape, match="questions of shape"):
        made(images, question[:, 1:], answer)
    with pytest.raises(BadShape, match="answers of shape"):
        made(images, question, answer[:, 1:])
    with pytest.raises(BadShape, match="padding"):
        made(images, torch.zeros_like(question), answer)
    _, prefix, _ = made.prefill(images, question)
    _, prefix, _ = made.step(answer[:, 0], prefix)
    _, prefix, _ = made.step(answer[:, 0], prefix)
    with pytest.raises(BadShape, match="longer than 3"):
        made.step(answer[:, 0], prefix)


@torch.no_grad()
def test_no_question_at_all() -> None:
    images, question, answer, _ = batch()
    output = model()(images[:0], question[:0], answer[:0])
    assert output.logits.shape == (0, 3, 20)


@torch.no_grad()
def test_a_tally_counts_what_the_routings_say() -> None:
    made = model()
    tally = Tally()
    images, question, answer, has_image = batch()
    for part in (slice(0, 4), slice(4, 6)):
        output = made(images[part], question[part], answer[part], has_image=has_image[part])
        tally.add(output.routings, output.layout.modality)
    found = tally.summary()
    whole = made(images, question, answer, has_image=has_image)
    assert found["mean_real"] == 3.0 and found["mean_real_by_modality"] == {"text": 3.0, "vision": 3.0}
    loads = torch.stack([r.load() for r in whole.routings])
    counted = torch.tensor(found["load_by_layer_and_modality"]).sum(1)
    assert torch.equal(counted, loads)
    assert sum(found["slots_histogram"]["text"]) == found["tokens_by_modality"]["text"] * 2  # two layers
    assert Tally().summary() == {} and Tally().mean_real() == 0.0
