"""The desk in a real browser, by keyboard: each action, nothing that scrolls sideways. Needs a browser, so opt-in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


def press(browser: Any, label: str, note: str = "") -> None:
    """Reach a button from the top of the page with the Tab key alone, write the note on the way, and press Enter."""
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.expected_conditions import staleness_of
    from selenium.webdriver.support.wait import WebDriverWait

    browser.find_element("tag name", "body").click()
    for _ in range(200):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        if note and focused.get_attribute("id") == "note":
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


def test_two_windows_on_one_record_the_second_is_told(seen: Any, workspace: Workspace) -> None:
    seen.find_element("css selector", ".record-question a").click()
    address = seen.current_url
    first = seen.current_window_handle
    seen.switch_to.new_window("tab")
    seen.get(address)
    press(seen, "Approve")
    seen.switch_to.window(first)
    press(seen, "Reject", "too late")
    assert "while you looked at it" in seen.find_element("css selector", "[role=alert]").text
    assert standing(workspace) == "published"


@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_scrolls_sideways_and_the_style_is_applied(seen: Any, width: int) -> None:
    seen.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    pages = [seen.current_url, seen.find_element("css selector", ".record-question a").get_attribute("href")]
    for address in [*pages, seen.current_url.rstrip("/") + "/runs"]:
        seen.get(address)
        wide, margin = seen.execute_script(
            "return [document.documentElement.scrollWidth, getComputedStyle(document.body).margin]"
        )
        assert wide <= width and margin == "0px", address
        folder = os.environ.get("SOVEREIGN_SCREENSHOTS")
        if folder:
            name = address.rstrip("/").rpartition("/")[2].replace(":", "-")
            seen.get_screenshot_as_file(str(Path(folder) / f"desk-{name}-{width}.png"))
