"""The desk in a real browser, by keyboard: each action, nothing that scrolls sideways. Needs a browser, so opt-in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sovereign import workflow
from sovereign.records import EventType
from sovereign.workspace import Workspace

from .test_serving import running

BROWSER, DRIVER = os.environ.get("SOVEREIGN_BROWSER"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="SOVEREIGN_BROWSER names no Chromium to look with"),
    pytest.mark.skipif(not DRIVER, reason="chromedriver is not on PATH"),
]


@pytest.fixture
def seen(workspace: Workspace, tmp_path: Path) -> Iterator[Any]:
    """A browser that opened the printed address."""
    selenium = pytest.importorskip("selenium.webdriver", reason="the extra [browser] is not installed")
    options = selenium.ChromeOptions()
    options.page_load_strategy = "eager"  # the page of a run that goes on is being sent until the run ends
    options.binary_location = str(BROWSER)
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,1000"):  # fmt: skip
        options.add_argument(option)
    service = selenium.ChromeService(executable_path=str(DRIVER))
    with running(workspace) as (_, at):
        browser = selenium.Chrome(options=options, service=service)
        try:
            browser.get(at["entrance"])
            yield browser
        finally:
            browser.quit()


def press(browser: Any, label: str, note: str = "", field: str = "note") -> None:
    """Reach a button from the top of the page with the Tab key alone, write into a field on the way, press Enter."""
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.expected_conditions import staleness_of
    from selenium.webdriver.support.wait import WebDriverWait

    browser.find_element("tag name", "body").click()
    for _ in range(200):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        if note and focused.get_attribute("id") == field:
            focused.send_keys(note)
        if focused.tag_name == "button" and focused.text == label:
            focused.send_keys(Keys.ENTER)
            WebDriverWait(browser, 30).until(staleness_of(focused))
            return
    pytest.fail(f"no way to {label} by keyboard")


def standing(workspace: Workspace) -> str:
    archive = workspace.archive()
    return archive.state(archive.list()[0]).standing


def test_every_decision_by_keyboard_alone(seen: Any, workspace: Workspace) -> None:
    assert "1 record awaits your decision" in seen.page_source
    seen.find_element("css selector", ".record-question a").click()
    press(seen, "Reject", "off the subject")
    assert standing(workspace) == "rejected"
    press(seen, "Approve", "on a second look it is not")
    assert standing(workspace) == "published"
    press(seen, "Correct")
    assert "say why" in seen.find_element("css selector", "[role=alert]").text
    press(seen, "Correct", "for batch size 1 only")
    assert standing(workspace) == "corrected"
    press(seen, "Retract", "its source was withdrawn")
    assert standing(workspace) == "retracted"
    assert "for batch size 1 only" in seen.page_source


def until(browser: Any, words: str) -> None:
    """Wait for words on the page that is growing; it is not loaded again."""
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 90).until(lambda seen: words in seen.find_element("tag name", "main").text)


def test_a_record_is_sent_back_by_keyboard_and_the_run_is_seen_to_go_on(seen: Any, workspace: Workspace) -> None:
    seen.find_element("css selector", ".record-question a").click()
    press(seen, "Revise")
    assert "what to look for" in seen.find_element("css selector", "[role=alert]").text
    press(seen, "Revise", "look at Lynx too")
    assert "/runs/run-" in seen.current_url and "look at Lynx too" in seen.page_source
    until(seen, "Done.")
    stages = [item.text.split()[0] for item in seen.find_elements("css selector", "[role=log] li")]
    assert len(stages) >= 8 and (stages[0], stages[-1]) == ("plan", "tribunal")
    seen.find_element("css selector", "[role=status] a").click()
    archive = workspace.archive()
    record = archive.load(archive.list()[0])
    assert record.version == 2 and record.revision is not None and record.revision.remarks == ("look at Lynx too",)
    press(seen, "Approve")
    assert standing(workspace) == "published"


def test_a_question_is_asked_by_keyboard(seen: Any, workspace: Workspace) -> None:
    press(seen, "Ask", "How does Lynx change the throughput of mixture-of-experts models?", field="question")
    until(seen, "Done.")
    assert len(workspace.archive().list()) == 2


def test_a_run_that_was_cut_off_is_gone_on_with_by_keyboard(seen: Any, workspace: Workspace) -> None:
    from sovereign.workflow import begin_ask

    name = begin_ask(workspace, "How does Lynx change the throughput of mixture-of-experts models?")
    seen.get(seen.current_url.rstrip("/") + "/runs")
    press(seen, "Go on with it")
    assert name in seen.current_url
    until(seen, "Done.")
    assert len(workspace.archive().list()) == 2


def test_the_matrix_is_laid_out_by_keyboard_and_a_claim_leads_to_its_quote(seen: Any, workspace: Workspace) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

    seen.get(seen.current_url.rstrip("/") + "/matrix")
    for _ in range(200):
        seen.switch_to.active_element.send_keys(Keys.TAB)
        focused = seen.switch_to.active_element
        if focused.get_attribute("id") == "rows":
            focused.send_keys("Benchmark")
            break
    press(seen, "Show")
    assert "rows=benchmark" in seen.current_url
    assert Select(seen.find_element("id", "rows")).first_selected_option.text == "Benchmark"
    seen.find_element("css selector", ".cell a").click()
    archive = workspace.archive()
    assert archive.load(archive.list()[0]).folder in seen.current_url and "#" in seen.current_url
    assert seen.execute_script("return document.querySelector(':target') !== null")


def test_the_hand_is_used_by_keyboard_and_the_question_asked_again(seen: Any, workspace: Workspace) -> None:
    from selenium.webdriver.support.select import Select

    archive = workspace.archive()
    record = archive.load(archive.list()[0])
    address = seen.find_element("css selector", ".record-question a").get_attribute("href")
    seen.get(f"{address}hand?claim={record.claims[0].id}")
    assert Select(seen.find_element("id", "claim-wrong")).first_selected_option.text.startswith(record.claims[0].id)
    press(seen, "Mark a claim as wrong", "the figure is of another board", field="note-wrong")
    assert "It is signed." in seen.page_source
    seen.find_element("id", "source-ban").send_keys(record.sources[-1].id)
    press(seen, "Ban a source", "a duplicate", field="note-ban")
    press(seen, "Take an entry back", "no, it is none", field="note-withdraw")
    press(seen, "Ban a source", field="note-ban")
    assert "says why" in seen.find_element("css selector", "[role=alert]").text
    press(seen, "Ask the question again")
    until(seen, "Done.")
    second = archive.load(record.id)
    assert second.version == 2 and [one.entry.kind.value for one in second.hand] == ["banned"]


#: First action, second action, and whether the second is told that it came too late.
PAIRS = [
    ("approve", "reject"), ("reject", "approve"), ("approve", "approve"), ("reject", "reject"), ("revise", "revise"),
    ("approve", "revise"), ("reject", "revise"), ("correct", "correct"), ("correct", "retract"),
    ("retract", "correct"), ("retract", "retract"), ("retract", "revise"), ("correct", "revise"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda name: str(name))
def test_of_two_windows_on_one_record_the_second_is_told(
    seen: Any, workspace: Workspace, first: str, second: str
) -> None:
    if first in ("correct", "retract"):
        archive = workspace.archive()
        workflow.review(workspace, archive.list()[0], EventType.APPROVED)
    events = workspace.archive().state(workspace.archive().list()[0]).events
    address = seen.find_element("css selector", ".record-question a").get_attribute("href")
    seen.get(address)
    before = seen.current_window_handle
    seen.switch_to.new_window("tab")
    seen.get(address)
    press(seen, first.capitalize(), "first")
    after = workspace.archive().state(workspace.archive().list()[0])
    seen.switch_to.window(before)
    press(seen, second.capitalize(), "second")
    said = seen.find_element("css selector", "[role=alert]").text
    assert ("makes version 2" in said) if first == "revise" and after.events == events else "while you looked" in said
    assert seen.find_element("id", "note").get_attribute("value") == "second", "what was written is kept"
    notes = [event.note for event in workspace.archive().events(after.record)]
    assert "second" not in notes


@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_scrolls_sideways_and_the_style_is_applied(seen: Any, workspace: Workspace, width: int) -> None:
    seen.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    pages = [seen.current_url, seen.find_element("css selector", ".record-question a").get_attribute("href")]
    start = seen.current_url.rstrip("/")
    with workspace.journal() as journal:
        (run,) = journal.list()
    pages += [f"{start}/matrix", f"{pages[1]}matrix", f"{start}/runs", f"{start}/runs/{run.id}", f"{start}/nowhere"]
    pages.append(f"{pages[1]}hand")
    for address in pages:
        seen.get(address)
        wide, margin = seen.execute_script(
            "return [document.documentElement.scrollWidth, getComputedStyle(document.body).margin]"
        )
        assert wide <= width and margin == "0px", address
        folder = os.environ.get("SOVEREIGN_SCREENSHOTS")
        if folder:
            name = "-".join(address.partition("//")[2].rstrip("/").split("/")[1:]) or "queue"
            seen.get_screenshot_as_file(str(Path(folder) / f"desk-{name}-{width}.png"))
