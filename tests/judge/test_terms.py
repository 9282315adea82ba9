"""Does a text speak of a term? Names are written in many ways, and some look like syntax."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign.judge import mentions, mentions_any, name_key, speaks_of, term_spans

HELD = [
    ("we score VQA-v2 here", "VQAv2"),
    ("we score VQA v2 here", "VQAv2"),
    ("we score VQAv2 here", "VQA-v2"),
    ("CIFAR-10", "CIFAR10"),
    ("a Mixture of Experts", "mixture-of-experts"),
    ("a mixture‑of‑experts", "mixture of experts"),
    ("top k routing", "top-k routing"),
    ("large language models", "large language model"),
    ("two MoEs", "MoE"),
    ("**MoE** layers", "MoE"),
    ("Qwen2.5-VL", "Qwen2.5-VL"),
    ("Qwen 2.5 VL", "Qwen2.5-VL"),
    ("on Ling-mini-2.0.", "Ling-mini-2.0"),
    ("written in C++.", "C++"),
    ("an A* search", "A*"),
    ("pass@k of 3", "pass@k"),
    ("MoE++ is", "MoE++"),
    ("比较MoE模型的延迟", "MoE"),
    ("混合专家模型", "混合专家"),
    ("ÜBERNET wins", "übernet"),
    ("tokens/s", "tokens/s"),
]
NOT_HELD = [
    ("the moe lawn", "MoE"),
    ("a maroon car", "ARO"),
    ("a vitamin C study", "C++"),
    ("written in C++", "C"),
    ("a search", "A*"),
    ("plain MoE", "MoE++"),
    ("MoE++ is", "MoE"),
    ("a 100 b", "A100"),
    ("pass the k", "pass@k"),
    ("batch size 16", "batch size 1"),
    ("128 experts", "8 experts"),
    ("anything", ""),
    ("", "anything"),
    ("anything", "?!"),
    ("axb", "a.b"),
]


@pytest.mark.parametrize(("text", "term"), HELD, ids=[f"{term} in {text}" for text, term in HELD])
def test_held(text: str, term: str) -> None:
    assert mentions(text, term)
    assert all(name_key(text[start:end]).startswith(name_key(term)[:3]) for start, end in term_spans(text, term))


@pytest.mark.parametrize(("text", "term"), NOT_HELD, ids=[f"{term} not in {text}" for text, term in NOT_HELD])
def test_not_held(text: str, term: str) -> None:
    assert not mentions(text, term)
    assert term_spans(text, term) == []


def test_groups_must_all_be_spoken_of() -> None:
    groups = (("mixture of experts", "MoE"), ("latency",))
    assert speaks_of("MoE latency", groups)
    assert not speaks_of("MoE", groups)
    assert not speaks_of("latency", groups)
    assert not speaks_of("anything at all", ())
    assert mentions_any("a dense model", ("sparse", "dense"))


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_term_over_any_text_gives_spans_within_it(term: str, text: str) -> None:
    for start, end in term_spans(text, term):
        assert 0 <= start < end <= len(text)
    assert mentions(text, term) == bool(term_spans(text, term))


@given(st.from_regex(r"[A-Z][a-z]{3,8}[A-Z][a-z]{2,5}", fullmatch=True))
def test_a_name_is_found_however_it_stands(name: str) -> None:
    for text in (name, f"({name})", f"{name}'s", f"{name}, and", f"**{name}**", name.lower(), name.upper()):
        assert mentions(f"of {text} here", name)
