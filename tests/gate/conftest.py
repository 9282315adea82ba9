"""A sandbox that passed its own test, or a skip with the reason; toy packs; a canary."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.gate import GOOD, PACK_TOML, Attack
from tests.support.tally import TALLY

from sovereign.gate import Bubblewrap


@pytest.fixture(scope="session")
def sandbox() -> Bubblewrap:
    provider = Bubblewrap()
    report = provider.probe()
    if not report.ok:
        pytest.skip(f"no sandbox on this host: {report.reason}")
    return provider


@pytest.fixture
def pack_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a pack with the given script."""

    def write(script: str = GOOD, *, toml: str = PACK_TOML, more: str = "") -> Path:
        folder = tmp_path / "toy"
        folder.mkdir(exist_ok=True)
        (folder / "pack.toml").write_text(toml.replace("{more}", more), encoding="utf-8")
        (folder / "run.py").write_text(script, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def attack(sandbox: Bubblewrap, tmp_path: Path) -> Attack:
    return Attack(sandbox, tmp_path)


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Path]:
    """A file of the host that a script may try to reach, in a folder that anybody may enter."""
    with tempfile.TemporaryDirectory(prefix="sovereign-test-") as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "canary"
        path.write_text("canary")
        path.chmod(0o666)
        yield path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many escapes were shown to be contained, and which of them without a control that reached its canary."""
    if TALLY:
        proven = [name for name, said in TALLY.items() if said == "proven"]
        terminalreporter.write_line(f"escapes: {len(TALLY)} tried, {len(proven)} contained and their controls reached")
        for name, said in TALLY.items():
            if said != "proven":
                terminalreporter.write_line(f"  {name}: {said}")
