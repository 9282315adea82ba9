"""What was once misread: shares of parameters, settings of a run, batches in other words, subjects without a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.inquire import ask, library_of, read, work, write_works

from sovereign.inquiry.matching import standard_condition
from sovereign.records import Facets


def values(sentence: str) -> list[tuple[str | None, float | None]]:
    return [(facets.metric, facets.value) for facets in read(sentence)]


@pytest.mark.parametrize(
    "sentence",
    [
        "OwnMoE keeps the accuracy on MMBench with less than 90% of its parameters.",
        "OwnMoE reaches this accuracy on GQA after 10% of the training data.",
        "For accuracy on GQA we use a learning rate of 0.001 and weight decay 0.05.",
        "The accuracy of OwnMoE was measured with dropout of 10% and a temperature of 0.7.",
        "OwnMoE with 24.5 layers has the best quality, a warm-up of 3% and 2.5 epochs.",
        "The model of best performance was trained for 1.5k steps.",
    ],
)
def test_settings_and_shares_are_no_results(sentence: str) -> None:
    assert [value for _, value in values(sentence) if value is not None] == []


@pytest.mark.parametrize(
    ("sentence", "metric", "value"),
    [
        ("OwnMoE keeps 96.7% of the accuracy on MMBench.", "accuracy", 96.7),
        ("With a learning rate of 0.001 the accuracy is 71.2% on GQA.", "accuracy", 71.2),
        ("OwnMoE reduces the latency by 34% with 12 layers.", "latency", 34.0),
        ("The throughput rises to 88.5 tokens/s at a batch size of 16.", "throughput", 88.5),
        ("OwnMoE skips 88% of the experts at equal sparsity.", "expert activations", 88.0),
    ],
)
def test_results_beside_settings_stay_results(sentence: str, metric: str, value: float) -> None:
    assert (metric, value) in values(sentence)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a step of 16 tokens", "batch size 16"),
        ("16 tokens per decoding step", "batch size 16"),
        ("concurrency 16", "batch size 16"),
        ("batch of 16", "batch size 16"),
        ("16 concurrent requests", "batch size 16"),
        ("16 experts", "16 experts"),
        ("16 tokens", "16 tokens"),
    ],
)
def test_a_batch_has_one_standard_name(written: str, meant: str) -> None:
    assert standard_condition(written) == meant


def test_a_step_of_sixteen_tokens_is_batch_size_sixteen(tmp_path: Path) -> None:
    text = "AlphaMoE, a mixture of experts, lowers the latency by 12% at a step of {n} tokens."
    works = [work("2401.00001", "AlphaMoE: a router", text.format(n=16))]
    question = "How much does AlphaMoE lower latency at batch size 16?"
    with library_of(tmp_path / "a", write_works(tmp_path / "w", works)) as library:
        evidence, _ = ask(library, question)
    assert [cell.gap for cell in evidence.cells] == [False]
    other = [work("2401.00001", "AlphaMoE: a router", text.format(n=160))]
    with library_of(tmp_path / "b", write_works(tmp_path / "v", other)) as library:
        evidence, _ = ask(library, question)
    assert [cell.gap for cell in evidence.cells] == [True]


WORKS = [
    work(
        "2401.00001",
        "Gradient checkpointing revisited",
        "Gradient checkpointing trades compute. Gradient checkpointing lowers the GPU memory by 41% on A100.",
    ),
    work("2401.00002", "Gradient boosting of trees", "Gradient boosting of trees reaches an accuracy of 91%."),
    work("2401.00003", "Gardens", "We water gardens. The memory of a garden is long."),
]


def test_a_subject_without_a_name_keeps_the_fields_metrics(tmp_path: Path) -> None:
    question = "How does gradient checkpointing change GPU memory and throughput on A100?"
    with library_of(tmp_path / "l", write_works(tmp_path / "w", WORKS)) as library:
        evidence, _ = ask(library, question)
    facets = evidence.question.facets
    assert facets.metric == ("memory", "throughput") and facets.subject == ()
    cells = {cell.facets.metric: cell for cell in evidence.cells}
    assert set(cells) == {"memory", "throughput"} and cells["throughput"].gap
    claims = {claim.id: claim for claim in evidence.claims}
    shown = [*cells["memory"].claims, *(near.claim for near in cells["memory"].nearest)]
    assert claims[shown[0]].facets.model_dump(include={"metric", "value", "unit"}) == {
        "metric": "memory", "value": 41.0, "unit": "%",
    }  # fmt: skip
    assert [source.id for source in evidence.sources] == ["arxiv:2401.00001"]


def test_a_metrics_name_alone_does_not_make_a_question_the_fields(tmp_path: Path) -> None:
    question = "Does ultrasound reach the accuracy of computed tomography in appendicitis?"
    with library_of(tmp_path / "l", write_works(tmp_path / "w", WORKS)) as library:
        evidence, _ = ask(library, question)
    assert evidence.question.facets.metric == ()
    assert all(cell.facets == Facets(subject=cell.facets.subject) for cell in evidence.cells)
