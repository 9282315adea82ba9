"""The page in a real browser: applied style, no sideways scroll on a phone. Needs a browser, so it is opt-in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.publish import sample

from sovereign.publish import render_page, render_texts

BROWSER = os.environ.get("SOVEREIGN_BROWSER")
pytestmark = pytest.mark.skipif(not BROWSER, reason="SOVEREIGN_BROWSER names no Chromium to look with")

_PROBE = """<script>
const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll, pre, .skip, .unseen, thead')).map(e => e.tagName + '.' + e.className);
document.title = [document.documentElement.scrollWidth, innerWidth,
  getComputedStyle(document.body).margin, wide.slice(0, 5).join(' ')].join('|');
</script></body>"""


def probe(html: str, width: int, folder: Path) -> tuple[int, int, str, str]:
    """Scroll width, window width, the body's margin, and what sticks out to the right."""
    page = folder / "page.html"
    # the probe is a script, so the page is looked at without the policy that would forbid it
    without_policy = re.sub(r"<meta http-equiv=[^>]*>", "", html).replace("<details", "<details open")
    page.write_text(without_policy.replace("</body>", _PROBE), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    dumped = subprocess.run(
        [str(BROWSER), *options, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", dumped, re.DOTALL)
    assert title, dumped[:500]
    scroll, inner, margin, wide = title[1].split("|")
    return int(scroll), int(inner), margin, wide


@pytest.mark.parametrize("width", [320, 380, 800, 1280])
def test_no_page_scrolls_sideways(tmp_path: Path, width: int) -> None:
    pages = {"record": render_page(sample.record(), sample.state(), texts=sample.texts, events=(sample.drafted(),))}
    pages |= render_texts(sample.record(), texts=sample.texts)
    for name, html in pages.items():
        scroll, inner, margin, wide = probe(html, width, tmp_path)
        assert margin == "0px", "the style sheet is applied"
        assert scroll <= inner, (name, wide)
