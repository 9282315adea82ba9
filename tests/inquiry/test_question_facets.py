"""The facets of questions as people write them: names with signs, possessives, ranges, unknown benchmarks, Chinese."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.inquire import library_of, work, write_note, write_works

from sovereign.inquiry.documents import Plan
from sovereign.inquiry.facets import is_plain_compound
from sovereign.inquiry.plan import plan
from sovereign.inquiry.vocabulary import shipped
from sovereign.library import Library
from sovereign.starter import note_paths


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("facets")
    notes = folder / "notes"
    about_moe = "A mixture-of-experts (MoE) language model.\n\n## What was measured\nThroughput rises by 3%.\n"
    write_note(notes, "alpha-moe", about_moe, systems=["AlphaMoE"], title="AlphaMoE: a router (our note)")
    write_note(
        notes, "twin-a", about_moe, systems=["TwinFlow"], title="TwinFlow: caching (our note)", about="arxiv:2401.1"
    )
    write_note(
        notes, "twin-b", about_moe, systems=["TwinFlow"], title="TwinFlow: scheduling (our note)", about="arxiv:2402.2"
    )
    write_note(notes, "plus", about_moe, systems=["MoE++"], title="MoE++: zero experts (our note)")
    write_note(notes, "two-words", about_moe, systems=["Tidal MoE"], title="Tidal MoE: slots (our note)")
    write_note(notes, "plain", about_moe, systems=["Marlin"], title="Marlin: kernels (our note)")
    works = [work("2403.00001", "MarlinServe: serving", "We present MarlinServe, a mixture-of-experts server.")]
    with library_of(folder / "library", notes, write_works(folder / "works", works)) as opened:
        yield opened


def planned(question: str, library: Library) -> Plan:
    return plan(question, library, shipped())


SYSTEMS = [
    ("How does AlphaMoE's routing change throughput?", ["AlphaMoE"]),
    ("How does alphamoe change throughput?", ["alphamoe"]),
    ("How does Alpha-MoE change throughput?", ["Alpha-MoE"]),
    ("Does MoE++ lower the latency of top-2 routing?", ["MoE++"]),
    ("Is Tidal MoE faster than top-k routing?", ["Tidal MoE"]),
    ("Marlin's throughput against dense models with experts?", ["Marlin"]),
    ("How does TwinFlow compare with AlphaMoE in latency?", ["TwinFlow", "AlphaMoE"]),
    ("How do sparse MoE-VLMs with top-2 routing trade latency for accuracy?", []),
    ("How does NovelRouter compare with Hash Layers in MoE latency?", ["NovelRouter", "Hash Layers"]),
    ("What does GPU memory cost in MoE serving on an A100?", []),
    ("比较AlphaMoE和TwinFlow的推理延迟", ["AlphaMoE", "TwinFlow"]),
]


@pytest.mark.parametrize(("question", "systems"), SYSTEMS, ids=[question for question, _ in SYSTEMS])
def test_systems(question: str, systems: list[str], library: Library) -> None:
    found = planned(question, library)
    assert list(found.question.facets.system) == systems
    assert [named.name for named in found.systems] == systems


def test_two_systems_of_one_name_are_two_owners(library: Library) -> None:
    named = planned("How does TwinFlow change MoE latency?", library).systems[0]
    assert named.owners == ("note:twin-a", "note:twin-b")


def test_a_name_that_nobody_owns_has_no_owner(library: Library) -> None:
    assert planned("How does NovelRouter change MoE latency?", library).systems[0].owners == ()


OTHERS = [
    ("What is MoE latency on X-Bench and POPE?", "benchmark", ["POPE", "X-Bench"]),
    ("What is MoE accuracy on the QZ7 benchmark?", "benchmark", ["QZ7"]),
    ("What is MoE accuracy on VQA-v2?", "benchmark", ["VQAv2"]),
    ("What is MoE latency and throughput?", "metric", ["latency", "throughput"]),
    ("How many tokens per second and how much GPU memory do MoEs need?", "metric", ["throughput", "memory"]),
    ("Does MoE latency beat dense models and top-k routing?", "baseline", ["dense model", "top-k routing"]),
    ("Does MoE latency differ from fixed routing (e.g., top-k)?", "baseline", ["fixed routing", "top-k routing"]),
    ("Does MoE latency with 64 experts and top-6 routing beat dense models?", "baseline", ["dense model"]),
    ("How does MoE latency compare with top-2 routing?", "baseline", ["top-k routing"]),
    ("Do MoEs beat dense models, Top-2 routing and Hash Layers?", "baseline", ["dense model", "top-k routing"]),
    ("What is MoE throughput on DeepSeek-V2-Lite?", "condition", ["DeepSeek-V2-Lite"]),
    ("What is MoE latency at batch size 16 with 64 experts?", "condition", ["batch size 16", "64 experts"]),
    ("What is MoE latency from 8 to 64 experts?", "condition", ["8 to 64 experts"]),
    ("What is MoE latency across varying batch sizes?", "condition", ["across varying batch sizes"]),
    ("What is MoE latency on an RTX 4090?", "condition", ["RTX 4090"]),
    ("What is MoE latency on ShapeQA with the routelab model?", "condition", ["routelab model"]),
    ("What is MoE latency on ShapeQA with the routelab model?", "benchmark", ["ShapeQA"]),
    ("What is MoE latency in fp16 at 1B parameters?", "condition", ["fp16", "1B parameters"]),
    ("Expert routing latency in VLMs?", "subject", ["mixture-of-experts", "vision-language model"]),
]


@pytest.mark.parametrize(("question", "facet", "names"), OTHERS, ids=[question for question, _, _ in OTHERS])
def test_other_facets(question: str, facet: str, names: list[str], library: Library) -> None:
    assert list(getattr(planned(question, library).question.facets, facet)) == names


def test_every_named_system_and_metric_has_a_query(library: Library) -> None:
    found = planned("How does AlphaMoE compare with TwinFlow in latency and throughput on MMBench?", library)
    purposes = {query.purpose for query in found.queries}
    for system in ("AlphaMoE", "TwinFlow"):
        assert f"system {system}" in purposes
        for metric in ("latency", "throughput"):
            assert f"system {system}, metric {metric}" in purposes
    assert len(found.queries) >= 4


@pytest.mark.parametrize("question", ["why latency", "为什么更快", "x y", "MoE ?", "a " * 900, "“(*[" * 300 + " b"])
def test_odd_questions_are_planned(question: str, library: Library) -> None:
    found = planned(question, library)
    assert found.question.text == question
    assert found.queries


def test_a_plan_is_the_same_twice(library: Library) -> None:
    question = "How does AlphaMoE compare with TwinFlow in latency on MMBench?"
    assert planned(question, library) == planned(question, library)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("Multi-Agent", True), ("training-free", True), ("Any-Experts", True), ("AnyExperts", False), ("MoE-CLIP", False)],
)
def test_plain_compounds_are_told_from_names(name: str, plain: bool) -> None:
    assert is_plain_compound(name) is plain


def test_a_plain_compound_is_a_system_only_if_a_source_writes_it_as_a_name(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True) as library:
        for note in note_paths():
            if note.stem in ("anyexperts", "lynx"):
                library.add(note)
        asked = "How does Any-Experts compare with Multi-Agent top-2 routing in latency on ImageNet-1k and MMLU-Pro?"
        facets = plan(asked, library, shipped()).question.facets
    assert facets.system == ("Any-Experts",)
    assert set(facets.benchmark) == {"ImageNet", "MMLU"}
