"""Names: where they are read, what is not one, and how a question's spelling leads to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovereign.library import Library, Stored, normalise_name
from sovereign.library.gazetteer import names_of

from .conftest import write_note, write_rows


def _names(title: str = "On a matter", body: str = "", **fields: object) -> dict[str, str]:
    text = f"{title}\n\n{body}"
    source = Stored(id="x:1", title=title, kind="work", text_level="abstract", sha256="0", text=text, **fields)  # type: ignore[arg-type]
    return {surface: role for _, surface, role in names_of(source)}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("AnyExperts: On-demand Expert Allocation", "AnyExperts"),
        ("SMoES: Soft Modality-Guided Specialization", "SMoES"),
        ("Lynx: Enabling Efficient Serving", "Lynx"),
        ("DEEP-GAP: Deep-learning Evaluation", "DEEP-GAP"),
        ("Soft MoE: Sparse to Soft", "Soft MoE"),
        ("MoE++: Accelerating Methods", "MoE++"),
        ("Qwen2.5-VL: A Report", "Qwen2.5-VL"),
        ("Gaze-VLM:Bridging Gaze", "Gaze-VLM"),
        ("Filters by Unsafe Weights Manipulation (UWM)", "UWM"),
    ],
)
def test_title_names(title: str, name: str) -> None:
    assert _names(title) == {name: "owner"}


@pytest.mark.parametrize(
    "title",
    ["Learning: A Survey", "Towards Better Routing: Theory", "Beyond: What Next", "Revisiting: Old Ideas",
     "Attention: All", "Mixture-of-Experts: A Survey", "Multi-Agent: Issues", "LLMs: Limits", "From A to B: A Tale",
     "MOE: SHOUTED TITLE", "Vision-Language Models: A Review", "Test-Time Scaling: Limits", "A 3:1 ratio",
     "Routing (see below)"],
)  # fmt: skip
def test_titles_without_a_name(title: str) -> None:
    assert _names(title) == {}


@pytest.mark.parametrize(
    ("body", "name", "role"),
    [
        ("In this paper we propose SMoES, a router.", "SMoES", "owner"),
        ("We introduce Lynx, a system for serving.", "Lynx", "owner"),
        ("This work presents a novel framework, ExpertFlow, that predicts.", "ExpertFlow", "owner"),
        ("Our method, called PreScope, prefetches.", "PreScope", "owner"),
        ("We introduce HKVE (Hierarchical Key-Value Equalization), which", "HKVE", "owner"),
        ("we introduce Unsafe Weights Manipulation (UWM). It", "UWM", "owner"),
        ("we present \\textbf{FloE} for offloading", "FloE", "owner"),
        ("It outperforms AdaMoE by far.", "AdaMoE", "mention"),
        ("on benchmarks such as MMBench and others", "MMBench", "mention"),
        ("Curriculum based reinforcement finetuning (CRFT) is known.", "CRFT", "mention"),
    ],
)
def test_names_in_abstracts(body: str, name: str, role: str) -> None:
    assert _names(body=body) == {name: role}


@pytest.mark.parametrize(
    "body",
    ["We propose a method for routing.", "We propose Adaptive routing of tokens.", "We represent Experts (see above).",
     "We introduce the Mixture-of-Experts layer.", "It runs on CPUs and on a GPU (in part).",
     "more than 40% over 8 GPUs", "We present LLM-based agents.", "Results (RESULTS) are shown."],
)  # fmt: skip
def test_plain_words_are_not_names(body: str) -> None:
    assert _names(body=body) == {}


def test_front_matter_owns_and_a_note_mentions_nothing_by_itself() -> None:
    source = Stored(id="note:1", title="Focus: a note", kind="note", text_level=None, sha256="0",
                    text="We propose SMoES.", systems=("Hash Layers",))  # fmt: skip
    assert [(s, r) for _, s, r in names_of(source)] == [("Hash Layers", "owner")]


def test_spellings_are_one_name() -> None:
    for spelling in ("MoE-CLIP", "moe_clip", "MoE CLIP", "ＭｏＥ‑ＣＬＩＰ", "moe.clip"):
        assert normalise_name(spelling) == "moeclip"
    assert normalise_name("MoE++") != normalise_name("MoE")


@pytest.fixture
def named(library: Library, tmp_path: Path) -> Library:
    rows = [
        {"_id": 1, "title": "ExpertFlow: Optimized Activation", "text": "Predictive caching of experts."},
        {"_id": 2, "title": "ExpertFlow: Adaptive Scheduling", "text": "We propose ExpertFlow, a runtime."},
        {"_id": 3, "title": "Another runtime", "text": "It outperforms ExpertFlow and uses focus."},
        {"_id": 4, "title": "Focus: Streaming Attention", "text": "A system."},
        *({"_id": 10 + n, "title": f"Text {n}", "text": "We focus on the focus of lenses."} for n in range(20)),
    ]
    library.add(write_rows(tmp_path / "p.jsonl", rows))
    library.add(write_note(tmp_path / "ae.md", "Note.", id="note:ae", title="AE (note)", systems=["AnyExperts"]))
    return library


def test_two_systems_of_one_name_are_two_owners(named: Library) -> None:
    for spelling in ("ExpertFlow", "expertflow", "Expert-Flow", "EXPERT FLOW"):
        owners = [(o.source, o.role) for o in named.owners(spelling)]
        assert owners == [("p:1", "owner"), ("p:2", "owner"), ("p:3", "mention")]
    assert named.owners("Nothing") == []


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("How does AnyExperts' routing compare?", ["AnyExperts"]),
        ("how does anyexperts compare with expert flow?", ["anyexperts", "expert flow"]),
        ("Is any-experts faster?", ["any-experts"]),
        ("Do experts focus? Focus on any experts", ["any experts"]),
        ("What is FOCUS?", ["FOCUS"]),
        ("", []),
        ("如何比较 AnyExperts 与 ExpertFlow", ["AnyExperts", "ExpertFlow"]),
    ],
)
def test_names_in_a_question(named: Library, question: str, names: list[str]) -> None:
    assert named.names_in(question) == names


def test_names_go_with_their_source(named: Library) -> None:
    named.remove("p:1")
    named.remove("p:3")
    assert [o.source for o in named.owners("ExpertFlow")] == ["p:2"]
