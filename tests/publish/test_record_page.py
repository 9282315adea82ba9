"""The record page: sound HTML, links that resolve, and every part of the record in words."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from tests.publish import sample
from tests.publish.html_tools import Page

from sovereign.publish import notebook_html, page_twin, render_page, render_texts
from sovereign.publish.contracts import CONTRACTS
from sovereign.records import AnswerStatus, Record, State


def page(record: Record | None = None, state: State | None = None, **more: Any) -> Page:
    return Page(render_page(record or sample.record(), state or sample.state(), texts=sample.texts, **more))


@pytest.fixture(scope="module")
def shown() -> Page:
    return page(versions=(1,), events=(sample.drafted(),))


def test_is_well_formed_with_unique_ids(shown: Page) -> None:
    assert shown.faults == []
    assert len(shown.ids) == len(set(shown.ids))


def test_every_internal_link_resolves(shown: Page) -> None:
    record = sample.record()
    texts = {name: Page(html) for name, html in render_texts(record, texts=sample.texts).items()}
    around = ("index", "research", "verification", "metrics", "corrections", "about")
    outside = {"index.json", "../verification.html#manifests", *(f"../{name}.html" for name in around)}
    outside |= {file for _, file in CONTRACTS.values()}
    checked = 0
    for href in shown.links:
        if href in outside or href.startswith("https://"):
            continue
        name, _, fragment = href.partition("#")
        target = shown if not name else texts[name]
        assert not fragment or fragment in target.ids, href
        checked += 1
    for text in texts.values():
        assert text.faults == []
        assert len(text.ids) == len(set(text.ids))
        for href in text.links:
            if href.startswith("../index.html#"):
                assert href.partition("#")[2] in shown.ids
                checked += 1
    assert checked > 50


def test_headings_are_in_order_and_sections_are_named(shown: Page) -> None:
    levels = [int(tag.name[1]) for tag in shown.named("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for tag in shown.named("section"):
        assert tag.attributes["aria-labelledby"] in shown.ids
    order = [tag.attributes.get("id") for tag in shown.named("h2", "h3")]
    parts = ["answer", "matrix", "claims", "sources", "searches", "tribunal", "decision", "gate", "level", "tier"]
    parts += ["dimensions", "limitations", "history", "provenance"]
    assert [name for name in order if name in parts] == parts


def test_landmarks_skip_link_and_table_headers(shown: Page) -> None:
    assert [len(shown.named(name)) for name in ("main", "nav", "footer")] == [1, 2, 1]
    assert shown.links[shown.links.index("#main")] == "#main"
    assert shown.named("html")[0].attributes["lang"] == "en"
    for header in shown.named("th"):
        assert header.attributes["scope"] in ("row", "col")
    figure = next(tag for tag in shown.named("svg") if tag.attributes.get("role") == "img")
    assert figure.attributes["aria-label"] == "6 cells: 2 measured, 0 contested, 4 gaps (not measured)."


def test_needs_no_script_and_fetches_nothing(shown: Page) -> None:
    assert shown.named("img", "iframe", "object", "embed", "form", "base") == []
    # the one script element is data for search engines: a browser runs nothing of that type
    assert [tag.attributes["type"] for tag in shown.named("script")] == ["application/ld+json"]
    assert json.loads(shown.named("script")[0].text)["identifier"] == sample.record().id
    assert [tag.attributes["rel"] for tag in shown.named("link")] == ["alternate"]
    assert not any(key.startswith("on") or key == "style" for tag in shown.tags for key in tag.attributes)
    style = shown.named("style")[0].text
    assert "url(" not in style
    assert "@import" not in style
    policy = next(tag for tag in shown.named("meta") if tag.attributes.get("http-equiv") == "Content-Security-Policy")
    content = policy.attributes["content"] or ""
    assert content.startswith("default-src 'none'; ")
    # the browser applies the style sheet only if its hash is the one in the policy
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in content


def test_says_its_status_and_that_it_is_a_draft(shown: Page) -> None:
    assert "Partly answered" in shown.text
    assert "2 of the 6 combinations that the question asks for are measured in a source that was read" in shown.text
    assert "Draft, awaiting its owner." in shown.text
    assert "UNVERIFIED 0 of 6 cells reproduced" in shown.text
    assert any(tag.attributes.get("content") == "noindex" for tag in shown.named("meta"))
    approved = page(state=sample.state(public=True, standing="published"))
    assert "Draft" not in approved.text
    assert not any(tag.attributes.get("content") == "noindex" for tag in approved.named("meta"))
    assert "Retracted. This record was retracted" in page(state=sample.state(public=True, standing="retracted")).text
    assert "Rejected by its owner." in page(state=sample.state(standing="rejected")).text
    assert "Not the current version." in page(state=sample.state(version=2)).text


@pytest.mark.parametrize("status", list(AnswerStatus))
def test_every_status_has_its_line(status: AnswerStatus) -> None:
    def change(document: dict[str, Any]) -> None:
        document["answer"]["status"] = status.value

    words = {"answered": "Answered", "no_evidence": "No evidence", "not_measured": "Not measured"}
    expected = words.get(status.value, status.value.replace("_", " ").capitalize())
    shown = page(sample.record(change))
    assert [tag.text for tag in shown.named("p") if tag.attributes.get("class") == "verdict"] == [expected]


def test_a_note_is_never_shown_as_the_paper(shown: Page) -> None:
    cards = {tag.attributes.get("id"): tag.text for tag in shown.named("li")}
    assert "Words of our note on arXiv 2501.00001, not of the paper" in cards["c-0000000003"]
    assert "reported (our note's words)" in cards["c-0000000003"]
    assert "our note" not in cards["c-0000000002"]
    assert "quoted (the work's own words)" in cards["c-0000000002"]
    assert "our measurement expected-distinct-experts" in cards["c-0000000005"]
    assert "Measured, says our note" in shown.text
    sentences = [tag.text for tag in shown.named("p") if "Our note says that accuracy" in tag.text]
    assert "our note on arXiv 2501.00001" in sentences[0]


def test_shows_searches_drops_missing_systems_and_every_check(shown: Page) -> None:
    record = sample.record()
    for search in record.searches:
        assert search.query in shown.text
    assert "Harbour seals of the North Sea" in shown.text
    assert "does not speak of mixture-of-experts routing" in shown.text
    assert "Lighthouse : no source in the library is its own paper." in shown.text
    for review in record.tribunal.reviews:
        assert review.role.value in shown.text
        for check in review.checks:
            assert check.name in shown.text
            assert " ".join(check.reason.split()) in shown.text
    for reason in record.decision.reasons:
        assert reason in shown.text
    for dimension in record.quality_dimensions.values():
        assert dimension.basis in shown.text
    for limitation in record.limitations:
        assert limitation in shown.text
    for value in (record.body_digest, record.library_digest, record.provenance.code_digest):
        assert value in shown.text
    assert "sovereign check srch-2603abc8.zip --trust" in shown.text


def test_a_quote_that_does_not_hold_says_so_and_is_not_linked() -> None:
    forged = sample.NOTE.replace("22%", "99%")

    def lookup(name: str) -> str | None:
        return forged if name == sample.digest(sample.NOTE) else sample.texts(name)

    html = render_page(sample.record(), sample.state(), texts=lookup)
    assert "the text at hand is not the one that was read: its digest differs" in html
    assert f"sources/{sample.digest(sample.NOTE)}.html" not in html
    assert f"sources/{sample.digest(sample.NOTE)}.html" not in render_texts(sample.record(), texts=lookup)

    def move(document: dict[str, Any]) -> None:
        quote = document["claims"][0]["quotes"][0]
        quote["start"], quote["end"] = quote["start"] + 1, quote["end"] + 1

    moved = page(sample.record(move))
    assert "is not the quoted text" in moved.text
    twin = page_twin(sample.record(move), sample.state(), texts=sample.texts)
    assert [fault["claim"] for fault in twin["faults"]] == ["c-0000000001"]


def test_without_any_text_at_hand_the_page_still_stands() -> None:
    shown = Page(render_page(sample.record(), sample.state(), texts=lambda _: None))
    assert shown.faults == []
    assert "the text is not at hand" in shown.text
    assert not any(link.startswith("sources/") for link in shown.links)


def test_equal_input_gives_equal_bytes() -> None:
    first, second = (render_page(sample.record(), sample.state(), texts=sample.texts) for _ in range(2))
    assert first == second


def test_the_twin_holds_the_record_and_the_anchor_of_every_part(shown: Page) -> None:
    record = sample.record()
    twin = page_twin(record, sample.state(), texts=sample.texts, versions=(1,), events=(sample.drafted(),))
    assert Record.model_validate(twin["record"]) == record
    assert twin["state"]["standing"] == "draft"
    assert len(twin["events"]) == 1
    for kind in ("cells", "claims", "sources"):
        assert len(twin["anchors"][kind]) == len(getattr(record, kind))
        for href in twin["anchors"][kind].values():
            assert href.removeprefix("index.html#") in shown.ids
    assert all(href for hrefs in twin["anchors"]["quotes"].values() for href in hrefs)


def test_an_empty_record_has_a_page() -> None:
    def empty(document: dict[str, Any]) -> None:
        for name in ("claims", "sources", "cells", "missing_systems", "searches", "dropped", "reproductions"):
            document[name] = []
        document["answer"] = {"status": "no_evidence", "sentences": []}

    shown = page(sample.record(empty))
    assert shown.faults == []
    assert "No evidence" in shown.text
    assert "No source was kept." in shown.text


def test_the_notebook_fragment_is_whole_and_names_notes() -> None:
    fragment = notebook_html(sample.record())
    shown = Page(fragment)
    assert shown.faults == []
    assert "Partly answered." in shown.text
    assert "(our note on arXiv 2501.00001 [2])" in shown.text
    assert "2 of 6 cells measured, 0 reproduced" in shown.text
    assert "Named but not found: Lighthouse" in shown.text


def test_colours_have_contrast_in_both_schemes(shown: Page) -> None:
    style = shown.named("style")[0].text
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    for block in (light, dark):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        inks = ["ink", "soft", "accent", "measured", "gap", "contested", "fault"]
        pairs = [(ink, ground) for ink in inks for ground in ("paper", "panel")]
        pairs += [("ink", "mark"), ("accent", "mark"), ("soft", "measured-bg"), ("measured", "measured-bg")]
        pairs += [("accent", "measured-bg"), ("contested", "contested-bg"), ("soft", "contested-bg"), ("gap", "gap-bg")]
        for ink, ground in pairs:
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground, colours[ink], colours[ground])


def _contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio of two colours written #rrggbb."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
