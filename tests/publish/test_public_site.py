"""The site of public records: a folder that works by itself, contracts that hold, and only what changed is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from tests.publish import sample
from tests.publish.html_tools import Page
from tests.publish.test_site import Shelf, named

from sovereign.publish import write_site
from sovereign.publish.contracts import CONTRACTS, contract_schemas
from sovereign.publish.frame import addresses
from sovereign.publish.site import last_public
from sovereign.records import BadInput

BASE = "https://example.org/records"
ATOM = "{http://www.w3.org/2005/Atom}"


def shelf(*standings: str, **questions: str) -> Any:
    found = {}
    for number, standing in enumerate(standings, 1):
        record = named(f"SRCH:0000000{number}", f"2026-03-0{number}T00:00:00Z")
        if text := questions.get(f"q{number}"):
            record = record.model_copy(update={"question": record.question.model_copy(update={"text": text})})
        found[record.id] = (record, sample.state(record=record.id, standing=standing))
    return Shelf(found)


def pages(root: Path) -> dict[str, Page]:
    return {str(path.relative_to(root)): Page(path.read_text(encoding="utf-8")) for path in root.rglob("*.html")}


def test_three_records_one_corrected_work_from_a_folder_without_a_dead_link(tmp_path: Path) -> None:
    done = write_site(shelf("published", "corrected", "published"), tmp_path, public_only=True)
    assert (done.written, done.unchanged, done.removed) == (3, 0, 0)
    shown = pages(tmp_path)
    assert {"index.html", "research.html", "verification.html", "about.html", "corrections.html"} <= set(shown)
    checked = 0
    for name, page in shown.items():
        assert page.faults == [], name
        assert len(page.ids) == len(set(page.ids)), name
        hrefs = [*page.links, *(tag.attributes["href"] or "" for tag in page.named("link"))]
        for href in hrefs:
            if href.startswith("https://"):
                continue
            path, _, fragment = href.partition("#")
            target = ((tmp_path / name).parent / path).resolve() if path else tmp_path / name
            assert target.is_file(), f"{name} links to {href}"
            if fragment and target.suffix == ".html":
                assert fragment in shown[str(target.relative_to(tmp_path.resolve()))].ids, f"{name} links to {href}"
            checked += 1
    assert checked > 200
    corrected = shown["corrections.html"].text
    assert "SRCH:00000002" in corrected and "why it was corrected" in corrected
    assert "Corrected" in shown["srch-00000002/index.html"].text
    assert "1 correction" in shown["index.html"].text


def test_every_page_has_a_json_twin(tmp_path: Path) -> None:
    write_site(shelf("published", "retracted"), tmp_path, public_only=True)
    for name in ("index", "research", "verification", "about", "corrections"):
        assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))["schema"] == "sovereign-site-v1"
    twin = json.loads((tmp_path / "corrections.json").read_text(encoding="utf-8"))["corrections"]
    assert [item["kind"] for item in twin] == ["retracted"]
    rules = json.loads((tmp_path / "verification.json").read_text(encoding="utf-8"))
    assert len(rules["levels"]) == 8 and len(rules["tiers"]) == 5
    assert all(reviewer["checks"] for reviewer in rules["tribunal"])


def test_contracts_lie_at_their_addresses_and_fit_their_schemas(tmp_path: Path) -> None:
    write_site(shelf("corrected"), tmp_path, public_only=True, base_url=BASE)
    schemas = contract_schemas()
    for name, (_, file) in CONTRACTS.items():
        document = json.loads((tmp_path / "srch-00000001" / file).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schemas[name]).validate(document)
        assert document["schema"] == name and document["work"] == "SRCH:00000001"
        on_site = json.loads((tmp_path / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
        assert on_site == schemas[name]
    manifest = json.loads((tmp_path / "srch-00000001" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["contracts"]["gate-verdict-v1"] == f"{BASE}/srch-00000001/gate-verdict.json"
    correction = json.loads((tmp_path / "srch-00000001" / "corrections.json").read_text(encoding="utf-8"))
    assert correction["correction_state"] == "CORRECTED" and correction["correction_count"] == 1


def test_contract_numbers_are_those_of_the_record(tmp_path: Path) -> None:
    write_site(shelf("published"), tmp_path)
    folder, record = tmp_path / "srch-00000001", sample.record()
    level = json.loads((folder / "verification-level.json").read_text(encoding="utf-8"))
    assert level["paper_level"] == record.verification_level
    assert level["claim_summary"]["source_grounded_claims"] == record.counts.quoted
    assert level["claim_summary"]["per_claim_public_record_count"] == len(record.claims)
    tier = json.loads((folder / "quality-tier.json").read_text(encoding="utf-8"))
    assert tier["tier"] == record.quality_tier.value and tier["inputs"]["review_score"] == record.tribunal.score
    gate = json.loads((folder / "gate-verdict.json").read_text(encoding="utf-8"))
    assert gate["status"] == record.gate_verdict.status.value and gate["evaluated_at"] is None
    sources = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert sum(item["claims"] for item in sources["sources"]) == sum(len(claim.quotes) for claim in record.claims)


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    write_site(shelf("published", "published", "draft"), tmp_path, public_only=True)
    page = tmp_path / "srch-00000001" / "index.html"
    before = page.stat().st_mtime_ns
    done = write_site(shelf("published", "corrected", "draft"), tmp_path, public_only=True)
    assert (done.written, done.unchanged, done.removed) == (1, 1, 0)
    assert page.stat().st_mtime_ns == before
    again = write_site(shelf("published", "corrected", "draft"), tmp_path, public_only=True)
    assert (again.written, again.unchanged) == (0, 2)
    fresh = write_site(shelf("published", "corrected", "draft"), tmp_path, public_only=True, fresh=True)
    assert fresh.written == 2
    rejected = write_site(shelf("published", "rejected", "draft"), tmp_path, public_only=True)
    assert rejected.removed == 1 and not (tmp_path / "srch-00000002").exists()


def test_a_new_draft_does_not_hide_the_version_that_was_published(tmp_path: Path) -> None:
    held = shelf("draft of a second version")
    events = held.events("SRCH:00000001")
    assert [event.type.value for event in last_public(events)] == ["drafted", "approved"]
    write_site(held, tmp_path, public_only=True)
    assert "Draft" not in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert (tmp_path / "srch-00000001" / "index.html").is_file()


def test_feed_tells_publications_corrections_and_retractions(tmp_path: Path) -> None:
    write_site(shelf("published", "corrected", "retracted"), tmp_path, public_only=True, base_url=BASE)
    feed = ElementTree.fromstring((tmp_path / "feed.xml").read_text(encoding="utf-8"))
    titles = [entry.findtext(f"{ATOM}title") or "" for entry in feed.iter(f"{ATOM}entry")]
    assert sorted(title.partition(":")[0] for title in titles) == [
        "Corrected", "Published", "Published", "Published", "Retracted",
    ]  # fmt: skip
    moments = [entry.findtext(f"{ATOM}updated") or "" for entry in feed.iter(f"{ATOM}entry")]
    assert moments == sorted(moments, reverse=True)
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))
    places = ElementTree.fromstring((tmp_path / "sitemap.xml").read_text(encoding="utf-8"))
    located = [place.text or "" for place in places.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert all((tmp_path / place.removeprefix(BASE + "/")).is_file() for place in located) and len(located) == 9
    told = (tmp_path / "llms.txt").read_text(encoding="utf-8")
    assert told.count(f"({BASE}/srch-") == 3 and "Retracted" in told


def test_without_an_address_there_is_no_sitemap(tmp_path: Path) -> None:
    write_site(shelf("published"), tmp_path, base_url=BASE)
    assert (tmp_path / "sitemap.xml").exists()
    write_site(shelf("published"), tmp_path)
    assert not (tmp_path / "sitemap.xml").exists()


@pytest.mark.parametrize(
    "address", ["example.org", "javascript:alert(1)", "ftp://example.org", "https://u@example.org", "https://a b", "http://["]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        addresses(address)


def test_hostile_questions_stay_text_in_index_feed_linked_data_and_llms_text(tmp_path: Path) -> None:
    hostile = "Is </script><script>alert(1)</script> ](javascript:alert(2)) \u202e \u0007 <b>bold</b> & ]]> faster?"
    write_site(shelf("published", q1=hostile), tmp_path, base_url=BASE)
    for name, page in pages(tmp_path).items():
        assert page.faults == [], name
        assert page.named("b") == [] or "bold" not in [tag.text for tag in page.named("b")]
        assert all(tag.attributes["type"] == "application/ld+json" for tag in page.named("script"))
    linked = pages(tmp_path)["srch-00000001/index.html"].named("script")[0].text
    assert "alert(1)" in json.loads(linked)["name"] and "<" not in linked
    ElementTree.fromstring((tmp_path / "feed.xml").read_text(encoding="utf-8"))
    told = (tmp_path / "llms.txt").read_text(encoding="utf-8")
    assert "](javascript:" not in told and "\u202e" not in told


def test_the_index_can_be_narrowed_without_a_program(tmp_path: Path) -> None:
    write_site(shelf("published", "published"), tmp_path)
    page = pages(tmp_path)["index.html"]
    style = page.named("style")[0].text
    row = next(tag for tag in page.named("li") if "r-status" in (tag.attributes.get("class") or ""))
    for name in (row.attributes["class"] or "").split():
        kind, _, value = name.removeprefix("r-").partition("-")
        assert re.search(rf"#f-{kind}-{value}:checked\) \.records > li:not\(\.{name}\)", style), name


def test_the_verb_publishes_what_was_approved_and_nothing_else(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from sovereign.cli._main import cli
    from sovereign.records import EventType
    from sovereign.workflow import ask, review
    from sovereign.workspace import Workspace

    workspace = Workspace.create(tmp_path / "w")
    first = ask(workspace, "What is the impact of top-k routing on the latency of mixture-of-experts models?")
    second = ask(workspace, "How does ExpertFlow compare to LRU caching in throughput?")
    call = ["publish", "--workspace", str(workspace.path), "--json"]
    empty = json.loads(CliRunner().invoke(cli, call).stdout)
    assert empty["records"] == 0
    review(workspace, first.id, EventType.APPROVED, "read and agreed")
    done = json.loads(CliRunner().invoke(cli, call).stdout)
    assert (done["records"], done["written"]) == (1, 1)
    root = Path(done["index"]).parent
    assert (root / first.folder / "index.html").is_file() and not (root / second.folder).exists()


def test_a_correction_is_on_page_feed_documents_and_check(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from sovereign.check import check_path
    from sovereign.cli._main import cli
    from sovereign.records import EventType
    from sovereign.workflow import ask, review
    from sovereign.workspace import Workspace

    workspace = Workspace.create(tmp_path / "w")
    record = ask(workspace, "What is the impact of top-k routing on the latency of mixture-of-experts models?")
    call = ["review", "correct", record.id, "--workspace", str(workspace.path), "--type", "claim"]
    early = CliRunner().invoke(cli, [*call, "--note", "too early"])
    assert early.exit_code != 0, "a draft is revised, not corrected"
    review(workspace, record.id, EventType.APPROVED, "read and agreed")
    assert CliRunner().invoke(cli, [*call, "--note", " "]).exit_code != 0
    assert CliRunner().invoke(cli, [*call, "--note", "x", "--affects", "claim-that-is-not"]).exit_code != 0
    claim = record.claims[0].id
    done = CliRunner().invoke(cli, [*call, "--note", "holds for batch size 1 only", "--affects", claim])
    assert done.exit_code == 0, done.output
    write_site(workspace.archive(), tmp_path / "site", public_only=True, base_url=BASE)
    folder = tmp_path / "site" / record.folder
    assert "holds for batch size 1 only" in Page((folder / "index.html").read_text(encoding="utf-8")).text
    told = json.loads((folder / "corrections.json").read_text(encoding="utf-8"))
    assert told["correction_events"][0]["affected_fields"] == [claim]
    assert told["correction_events"][0]["correction_type"] == "CLAIM"
    assert "holds for batch size 1 only" in (tmp_path / "site" / "feed.xml").read_text(encoding="utf-8")
    report = check_path(workspace.records_path / record.folder)
    assert not report.faults
