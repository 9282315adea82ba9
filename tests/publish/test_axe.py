"""Every kind of page under axe-core, at a phone's and a desk's width, light and dark: no serious and no critical fault.

Opt-in: SOVEREIGN_BROWSER names a Chromium, SOVEREIGN_AXE the file axe.min.js of the npm package axe-core. With
SOVEREIGN_SCREENSHOTS naming a folder each page is kept there as a picture.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.desk.test_serving import running

from sovereign.cli._main import cli
from sovereign.publish import _listing, write_site
from sovereign.records import EventType, SourceCause, SourceOutdated
from sovereign.workflow import ask, judge_again, review
from sovereign.workspace import Workspace

BROWSER, AXE = os.environ.get("SOVEREIGN_BROWSER"), os.environ.get("SOVEREIGN_AXE")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="SOVEREIGN_BROWSER names no Chromium to look with"),
    pytest.mark.skipif(not AXE, reason="SOVEREIGN_AXE names no axe.min.js"),
    pytest.mark.skipif(not DRIVER, reason="chromedriver is not on PATH"),
]
QUESTIONS = (
    "How does SMoES dynamic routing compare to fixed routing baselines in terms of inference efficiency (latency and "
    "throughput) when evaluated on standard VQA benchmarks such as VQA-v2?",
    "How does ExpertFlow compare to LRU caching in throughput?",
    "What is the impact of top-k routing on the latency of mixture-of-experts models?",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Kind of page -> its address: a site on disk, a long list of it, and a running desk."""
    root = tmp_path_factory.mktemp("axe")
    workspace = Workspace.create(root / "w")
    records = [ask(workspace, text) for text in QUESTIONS]
    first, second = records[0], records[1]
    claim = next(claim for claim in first.claims if claim.quotes)
    for record in records[:2]:
        review(workspace, record.id, EventType.APPROVED, "read and agreed")
    call = ["hand", "wrong", first.id, claim.id, "--note", "read too much into it", "--workspace", str(workspace.path)]
    assert CliRunner().invoke(cli, call).exit_code == 0
    judge_again(workspace, first.id, purpose="again")
    review(workspace, first.id, EventType.APPROVED, "agreed as well")
    review(workspace, first.id, EventType.CORRECTED, "for batch size 1 only", details={"correction_type": "CLAIM"})
    source = workspace.archive().load(first.id).sources[0]
    said = SourceOutdated(
        version=2, source=source.id, sha256=source.sha256, cause=SourceCause.RETRACTED, date="2026-07-12",
        what=f"{source.id} was retracted", read_at="a file",
    )  # fmt: skip
    workspace.archive().append_event(
        first.id, EventType.OUTDATED, key=workspace.key(), now="2026-11-23T12:00:00Z", note=said.what,
        details=said.to_json(),
    )  # fmt: skip
    review(workspace, second.id, EventType.RETRACTED, "its source was withdrawn")
    site, long = root / "site", root / "long"
    write_site(workspace.archive(), site, public_only=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_listing, "TOGETHER", 1)
        patch.setattr(_listing, "PAGE", 1)
        write_site(workspace.archive(), long)
    around = ("index", "research", "verification", "metrics", "corrections", "about")
    found = {name: site / f"{name}.html" for name in around}
    found |= {"record": site / first.folder / "index.html", "retracted": site / second.folder / "index.html",
              "earlier-version": site / first.folder / "v1" / "index.html",
              "texts": site / first.folder / "sources" / "others.html", "list": long / "index.html",
              "list-by-value": next(long.glob("index-status-*.html"))}  # fmt: skip
    found["text"] = next(iter(sorted((site / first.folder / "sources").glob("[0-9a-f]*.html"))))
    found["measurement"] = next(
        (path for path in sorted(site.glob("*/sources/*.html")) if 'class="leaves"' in path.read_text()), found["text"]
    )
    beside = ["ask", "--compare", "SMoES", "ExpertFlow", "in throughput", "--html", str(root / "compare.html")]
    asked = CliRunner().invoke(cli, [*beside, "--workspace", str(workspace.path)])
    assert asked.exit_code == 0, asked.output
    found["compare"] = root / "compare.html"
    with running(workspace) as (_, at):
        desk = {"": "/", "record": f"/records/{records[2].folder}/", "decided": f"/records/{first.folder}/",
                "matrix": f"/records/{first.folder}/matrix", "all": "/matrix", "runs": "/runs", "metrics": "/metrics",
                "hand": f"/records/{first.folder}/hand", "hand-draft": f"/records/{records[2].folder}/hand",
                "error": "/nowhere"}  # fmt: skip
        with workspace.journal(create=False) as journal:
            desk["run"] = f"/runs/{journal.list()[0].id}"
        yield {
            **{name: path.as_uri() for name, path in found.items()},
            "desk": at["entrance"],
            **{f"desk-{name}": at["address"] + path for name, path in desk.items() if name},
        }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="the extra [browser] is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = str(BROWSER)
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                   "--disable-background-networking",
                   f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):  # fmt: skip
        options.add_argument(option)
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=str(DRIVER)))
    yield driver
    driver.quit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
def test_no_page_has_a_serious_fault(places: dict[str, str], browser: Any, width: int, scheme: str) -> None:
    engine, pictures = Path(str(AXE)).read_text(encoding="utf-8"), os.environ.get("SOVEREIGN_SCREENSHOTS")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    faults = []
    for name, address in places.items():
        browser.get(address)
        if pictures:
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
            (Path(pictures) / f"{name}-{width}-{scheme}.png").write_bytes(_decoded(picture))
        browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
        browser.execute_script(engine)
        assert browser.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        if wide > width:
            faults.append((name, "scrolls sideways", wide))
        found = browser.execute_async_script("const done = arguments[0]; axe.run(document).then(done)")
        assert found["passes"], f"{name}: axe looked at nothing"
        faults += [
            (name, rule["id"], rule["impact"], rule["nodes"][0]["html"][:200], rule["nodes"][0]["failureSummary"][:300])
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
        ]
    assert faults == []


def _decoded(picture: str) -> bytes:
    from base64 import b64decode

    return b64decode(picture)
