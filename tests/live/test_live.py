"""Live search end to end: equal to offline on the same sources, whatever the services do on the way."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from benchmarks.arxiv.server import LocalArxiv
from tests.live.conftest import QUESTION, RECORDS, SETTINGS, make_workspace
from tests.support.server import Reply, Seen, serving

from sovereign import workflow
from sovereign.check import check_path
from sovereign.library.connectors import DEFAULTS
from sovereign.living import Live
from sovereign.records import BadInput, Record
from sovereign.workspace import Workspace

ARXIV = Live(("arxiv",))


def said(record: Record) -> tuple[str, str, str]:
    parts = record.to_json()
    return tuple(json.dumps(parts[name], sort_keys=True) for name in ("answer", "claims", "cells"))  # type: ignore[return-value]


def offline_on_the_same(workspace: Workspace, path: Path) -> Record:
    """The question asked in another workspace that holds a copy of the library, and nothing else of this one."""
    other = Workspace.create(path, starter=False)
    shutil.rmtree(other.library_path)
    shutil.copytree(workspace.library_path, other.library_path)
    return workflow.ask(other, QUESTION)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_live_answer_is_the_offline_answer_on_the_same_sources(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], tmp_path: Path, seed: int
) -> None:
    server = arxiv(faults=0.4, seed=seed)
    record = workflow.ask(workspace, QUESTION, live=ARXIV)
    assert any(request["fault"] for request in server.requests)
    assert "31%" in record.answer.sentences[0].text
    assert said(record) == said(offline_on_the_same(workspace, tmp_path / "other"))
    report = check_path(workspace.records_path / record.folder, trust=[workspace.key().fingerprint])
    assert report.exit_code == 0, report.faults


def test_it_is_also_the_answer_over_the_same_works_added_from_a_file(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], tmp_path: Path
) -> None:
    arxiv()
    record = workflow.ask(workspace, QUESTION, live=ARXIV)
    with workspace.library() as library:
        found = {one.removeprefix("arxiv:") for one in library.ids() if one.startswith("arxiv:")}
    assert "2601.00001" in found and len(found) >= 20
    listing = tmp_path / "listing.jsonl.gz"
    with gzip.open(listing, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in RECORDS if row["id"] in found)
    other = make_workspace(tmp_path / "from-file")
    with other.library() as library:
        library.add(listing)
    assert said(workflow.ask(other, QUESTION)) == said(record)


def test_the_record_names_service_queries_and_bounds(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    server = arxiv()
    record = workflow.ask(workspace, QUESTION, live=ARXIV)
    live = [search for search in record.searches if search.connector == "arxiv"]
    assert len(live) >= 4 and len({search.query for search in live}) >= 4
    assert len({search.id for search in record.searches}) == len(record.searches)
    assert any(hit.source == "arxiv:2601.00001" and hit.rank == 1 for search in live for hit in search.hits)
    told = " ".join(record.limitations)
    assert f"arxiv ({len(live)})" in told and "of 200 requests" in told and "Only the library" not in told
    assert all("mailto:someone@example.org" in request["agent"] for request in server.requests)
    queries = [parse_qs(urlsplit(request["path"]).query) for request in server.requests]
    assert len(queries) == len(live) and all(query["sortBy"] == ["relevance"] for query in queries)


def test_asking_again_asks_nobody_and_adds_nothing(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    server = arxiv()
    first = workflow.ask(workspace, QUESTION, live=ARXIV)
    asked = len(server.requests)
    second = workflow.ask(workspace, QUESTION, live=ARXIV)
    # The library has grown, so the plan knows more names and may ask more; what was asked is not asked again.
    assert len({request["path"] for request in server.requests}) == len(server.requests) >= asked
    assert first.id != second.id and said(first)[0] == said(second)[0]


def test_what_the_library_holds_already_stays(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], tmp_path: Path
) -> None:
    ours = tmp_path / "palm.md"
    ours.write_text(
        "---\nid: arxiv:2601.00001\nkind: work\ntext_level: full_text\ntitle: PalmRouter\n---\nThe whole paper on "
        "mixture of experts: PalmRouter reduces latency by 31% compared to top-k routing on VQAv2.\n"
    )
    with workspace.library() as library:
        library.add(ours)
        before = library.get("arxiv:2601.00001")
    arxiv()
    workflow.ask(workspace, QUESTION, live=ARXIV)
    with workspace.library() as library:
        assert library.get("arxiv:2601.00001") == before


@pytest.mark.parametrize("storm", [Reply(429), Reply(503), Reply(body=b"<html>busy</html>"), Reply(raw=b"")])
def test_with_all_services_down_the_library_answers_and_the_record_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, storm: Reply
) -> None:
    with serving(lambda seen, number: storm) as server:
        for variable in ("ARXIV", "SEMANTIC_SCHOLAR", "OPENALEX", "CROSSREF"):
            monkeypatch.setenv(f"SOVEREIGN_{variable}_URL", server.origin)
        impatient = SETTINGS.replace("max_wait_s = 2\n", "max_wait_s = 0.2\ntries = 2\n")
        (workspace.path / "services.toml").write_text(impatient)
        record = workflow.ask(workspace, QUESTION, live=Live())
    assert record.answer.sentences
    told = " ".join(record.limitations)
    assert "No service answered" in told
    for name in DEFAULTS:
        assert f"{name} answered none of" in told
    assert said(record) == said(offline_on_the_same(workspace, tmp_path / "other"))


def test_a_service_that_fails_costs_only_itself(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], monkeypatch: pytest.MonkeyPatch
) -> None:
    arxiv()

    def script(seen: Seen, number: int) -> Reply:
        if seen.path.startswith("/graph"):
            return Reply(429, headers={"Retry-After": "31536000"})
        asked = parse_qs(urlsplit(seen.path).query)
        if seen.path.startswith("/works?search"):  # OpenAlex
            work = {
                "id": "https://openalex.org/W7", "title": RECORDS[0]["title"], "publication_year": 2026,
                "doi": "https://doi.org/10.1000/palm", "authorships": [{"author": {"display_name": "Ada Palm"}}],
            }  # fmt: skip
            meta = {"count": 1, "page": int(asked["page"][0]), "per_page": int(asked["per-page"][0])}
            return Reply(body=json.dumps({"meta": meta, "results": [work]}).encode())
        return Reply(404)

    with serving(script) as scholar, serving(script) as openalex, serving(script) as crossref:
        monkeypatch.setenv("SOVEREIGN_SEMANTIC_SCHOLAR_URL", scholar.origin)
        monkeypatch.setenv("SOVEREIGN_OPENALEX_URL", openalex.origin)
        monkeypatch.setenv("SOVEREIGN_CROSSREF_URL", crossref.origin)
        record = workflow.ask(workspace, QUESTION, live=Live())
    told = " ".join(record.limitations)
    assert "semantic-scholar answered none" in told and "stay away" in told
    assert "crossref answered none" in told and "status 404" in told
    assert {search.connector for search in record.searches} == {"library", "arxiv", "openalex"}
    with workspace.library() as library:  # OpenAlex's work is the preprint: one source, which knows both names
        assert library.get("arxiv:2601.00001").meta["ids"]["doi"] == "10.1000/palm"
        assert "doi:10.1000/palm" not in library
    # A host that asked to be left alone for a year is not asked again.
    assert len(scholar.seen) == 1


def test_a_run_over_its_budget_keeps_what_it_has(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    server = arxiv()
    (workspace.path / "services.toml").write_text("budget_requests = 2\n" + SETTINGS)
    record = workflow.ask(workspace, QUESTION, live=ARXIV)
    assert len(server.requests) == 2
    told = " ".join(record.limitations)
    assert "2 of 2 requests" in told and "the budget of 2 requests for one run is used up" in told
    assert "31%" in record.answer.sentences[0].text


def test_limits_hold_for_two_runs_at_once(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    import subprocess
    import sys

    server = arxiv(faults=0.2, seed=4)
    (workspace.path / "services.toml").write_text(SETTINGS.replace("interval_s = 0.05", "interval_s = 0.3"))
    code = (
        "import sys; from sovereign import workflow; from sovereign.living import Live; "
        "from sovereign.workspace import Workspace; workspace = Workspace.open(sys.argv[1]); "
        "workflow.ask(workspace, sys.argv[2], fresh=True, live=Live(('arxiv',)))"
    )
    questions = [QUESTION, "What is the effect of batch size on the latency of mixture of experts routing?"]
    started = [subprocess.Popen([sys.executable, "-c", code, str(workspace.path), question]) for question in questions]
    assert [process.wait(timeout=240) for process in started] == [0, 0]
    came = sorted(request["came"] for request in server.requests)
    assert len(came) >= 10
    assert min(later - earlier for earlier, later in pairwise(came)) >= 0.3
    assert {request["open"] for request in server.requests} == {1}
    assert len(workspace.archive().list()) == 2


def test_from_python_and_in_doctor(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    from click.testing import CliRunner

    from sovereign import ask
    from sovereign.cli._main import cli
    from sovereign.library import Library

    server = arxiv()
    record = ask(QUESTION, workspace=workspace, live=["arxiv"])
    assert {search.connector for search in record.searches} == {"library", "arxiv"} and server.requests
    with Library.open(workspace.library_path) as library, pytest.raises(BadInput, match="needs a workspace"):
        ask(QUESTION, library=library, live=True)
    found = json.loads(CliRunner().invoke(cli, ["doctor", "--json", "--workspace", str(workspace.path)]).stdout)
    assert "contact someone@example.org" in next(one["found"] for one in found if one["name"] == "services")


def test_a_library_that_is_being_written_is_waited_for(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], tmp_path: Path
) -> None:
    import threading

    arxiv()
    said_so = threading.Event()
    with workspace.library() as other, other.alone():
        asking = threading.Thread(target=lambda: (workflow.ask(workspace, QUESTION, live=ARXIV), said_so.set()))
        asking.start()

        def gathered() -> bool:
            with workspace.journal() as journal:
                return any(row.stage == "gather" for info in journal.list() for row in info.stages)

        while not gathered():
            said_so.wait(0.05)
        assert not said_so.wait(1.5)  # longer than any other writer waits
    asking.join(timeout=120)
    assert said_so.is_set()
    (name,) = workspace.archive().list()
    assert "31%" in workspace.archive().load(name).answer.sentences[0].text


def test_settings_that_will_not_do_are_named_before_a_run_exists(workspace: Workspace) -> None:
    for text, what in [
        ("contact = 'nobody'", "mail address"), ("contcat = 'a@b.c'", "did you mean contact"),
        ("[arxiv]\nx = 1", "arxiv.x"), ("[arxiv]\nresults = 0", "arxiv.results"), ("[arx", "not TOML"),
        ("[arxiv]\naddress = 'ftp://x'", "http address"), ("arxiv = 3", "is a service"),
        ("contact = \"a@b.c\\r\\nX: y\"", "mail address"),
    ]:  # fmt: skip
        (workspace.path / "services.toml").write_text(text)
        with pytest.raises(BadInput, match=what):
            workflow.ask(workspace, QUESTION, live=ARXIV)
    (workspace.path / "services.toml").write_text("")
    with pytest.raises(BadInput, match="arxiv"):
        workflow.ask(workspace, QUESTION, live=Live(("arxvi",)))
    with workspace.journal() as journal:
        assert journal.list() == ()
