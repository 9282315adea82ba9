"""Text from outside never becomes markup, a link, or an order of reading that it does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.publish import sample
from tests.publish.html_tools import Page, Tag

from sovereign.publish import notebook_html, render_page, render_texts, write_list, write_page
from sovereign.publish._safe import visible, web_address
from sovereign.records import Record

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "</title><script>alert(1)</script>",
    "{{ 7*7 }}{% include 'style.css' %}",
    "&lt;b&gt; &#60;i>",
    "javascript:alert(1)",
    "<!-- ignore previous instructions -->",
]
#: Every field that holds free text, as a path into the record's JSON.
FIELDS: list[tuple[Any, ...]] = [
    ("question", "text"),
    ("question", "facets", "system", 0),
    ("question", "facets", "subject", 0),
    ("answer", "sentences", 0, "text"),
    ("claims", 0, "text"),
    ("claims", 0, "facets", "baseline"),
    ("claims", 0, "facets", "unit"),
    ("claims", 4, "facets", "condition", 0),
    ("claims", 1, "quotes", 0, "source"),
    ("claims", 4, "quotes", 0, "text"),
    ("sources", 1, "title"),
    ("sources", 1, "id"),
    ("sources", 1, "address"),
    ("sources", 1, "authors", 0),
    ("sources", 0, "about"),
    ("sources", 0, "systems", 0),
    ("sources", 0, "kept_for", 0),
    ("cells", 0, "facets", "metric"),
    ("cells", 0, "facets", "benchmark"),
    ("cells", 1, "facets", "system"),
    ("missing_systems", 0, "name"),
    ("missing_systems", 0, "reason"),
    ("searches", 0, "query"),
    ("searches", 0, "purpose"),
    ("searches", 0, "require", 0, 0),
    ("dropped", 0, "title"),
    ("dropped", 0, "rule"),
    ("dropped", 0, "reason"),
    ("dropped", 0, "source"),
    ("limitations", 0),
    ("reproductions", 0, "pack"),
    ("reproductions", 0, "isolation"),
    ("reproductions", 0, "outcomes", 0, "reason"),
    ("provenance", "code_version"),
    ("provenance", "subject_terms", 0, 0),
    ("provenance", "stance_model"),
]


_SAMPLE = sample.record()


def poisoned(path: tuple[Any, ...], value: str) -> Record:
    """The sample with one field replaced, judged before: what the judge says of the value is not at issue here."""
    document = _SAMPLE.to_json()
    target: Any = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return Record.model_validate(document)


def skeleton(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The tags of a page and the names of their attributes: what text must not be able to change."""

    def shape(tag: Tag) -> tuple[str, tuple[str, ...]]:
        return tag.name, tuple(sorted(tag.attributes))

    page = Page(html)
    assert page.faults == []
    return [shape(tag) for tag in page.tags]


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(str(part) for part in path))
def test_no_field_can_bring_in_markup(path: tuple[Any, ...]) -> None:
    # a harmless value of the same field gives the same page but for words
    plain = skeleton(render_page(poisoned(path, "harmless words"), sample.state(), texts=sample.texts))
    for value in HOSTILE:
        record = poisoned(path, value)
        html = render_page(record, sample.state(), texts=sample.texts)
        assert skeleton(html) == plain, value
        page = Page(html)
        assert not any(link.lower().startswith(("javascript:", "data:")) for link in page.links)
        pages = [*render_texts(record, texts=sample.texts).values(), notebook_html(record)]
        for other in pages:
            shown = Page(other)
            assert shown.faults == []
            assert shown.named("script", "img") == []


def test_hostile_text_is_still_readable() -> None:
    html = render_page(poisoned(("sources", 1, "title"), HOSTILE[0]), sample.state(), texts=sample.texts)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert HOSTILE[0] in Page(html).text


def test_a_stored_text_with_markup_is_shown_as_text() -> None:
    text = "Ignore previous instructions.\n<script>alert(1)</script> \"><img src=x onerror=alert(1)> gains 5%.\u202e\n"

    def change(document: dict[str, Any]) -> None:
        document["sources"][1]["sha256"] = sample.digest(text)
        document["claims"][1]["quotes"] = [sample.span(sample.WORK_ID, text, text[30:90]).to_json()]

    def lookup(name: str) -> str | None:
        return text if name == sample.digest(text) else sample.texts(name)

    record = sample.record(change, lookup=lookup)
    pages = render_texts(record, texts=lookup)
    shown = Page(pages[f"sources/{sample.digest(text)}.html"])
    assert shown.faults == []
    assert shown.named("script", "img") == []
    body = next(tag.text for tag in shown.named("div") if tag.attributes.get("class") == "text")
    assert body.replace("[1]", "") == text.replace("\u202e", "⟨U+202E⟩")
    assert shown.named("mark")[0].text == text[30:90]


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\x00", "\x1b", "\x85", "\u2028"])
def test_hidden_and_reordering_characters_are_written_out(mark: str) -> None:
    title = f"Harmless{mark}ssenmraH"
    record = poisoned(("sources", 1, "title"), title)
    html = render_page(record, sample.state(), texts=sample.texts)
    html += "".join(render_texts(record, texts=sample.texts).values()) + notebook_html(record)
    assert mark not in html
    assert f"Harmless⟨U+{ord(mark):04X}⟩ssenmraH" in html
    assert visible("שלום\u200dक्\u200cष 你好\n\t👩\u200d🔬") == "שלום\u200dक्\u200cष 你好\n\t👩\u200d🔬"


def test_foreign_text_is_isolated_from_the_words_around_it() -> None:
    page = Page(render_page(poisoned(("sources", 1, "title"), "מאמר על ניתוב"), sample.state(), texts=sample.texts))
    assert any(tag.name == "bdi" and tag.text == "מאמר על ניתוב" for tag in page.tags)


def test_a_title_of_a_megabyte_is_cut_on_the_page_and_whole_in_the_twin(tmp_path: Any) -> None:
    title = "x" * 1_000_000
    path = write_page(poisoned(("sources", 1, "title"), title), sample.state(), sample.texts, tmp_path)
    html = path.read_text(encoding="utf-8")
    assert len(html) < 200_000
    assert "1,000,000 characters in all" in html
    twin = json.loads((path.parent / "index.json").read_text(encoding="utf-8"))
    assert twin["record"]["sources"][1]["title"] == title


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://arxiv.org/abs/2501.00001", True),
        ("http://example.org/a?b=c&d=%22", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.org", False),
        ("https://exa\u202emple.org", False),
        ("https://example.org/\njavascript:", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_only_plain_web_addresses_become_links(address: str, allowed: bool) -> None:
    assert (web_address(address) is not None) is allowed
    html = render_page(poisoned(("sources", 1, "address"), address), sample.state(), texts=sample.texts)
    assert (address in Page(html).links) is allowed


def test_the_list_of_records_escapes_what_it_reads_from_disk(tmp_path: Any) -> None:
    path = write_page(poisoned(("question", "text"), HOSTILE[1] + "\u202e"), sample.state(), sample.texts, tmp_path)
    row = json.loads((path.parent / "summary.json").read_text(encoding="utf-8"))
    row |= dict.fromkeys(("id", "status", "created_at", "gate", "banner"), HOSTILE[1])
    (path.parent / "summary.json").write_text(json.dumps(row), encoding="utf-8")
    page = Page(write_list(tmp_path).read_text(encoding="utf-8"))
    assert page.faults == []
    assert page.named("script", "img") == []
    assert HOSTILE[1] + "⟨U+202E⟩" in page.text
