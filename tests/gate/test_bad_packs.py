"""Packs that fail, lie or run wild: a clear error each, and nothing left behind."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.gate import GOOD, PACK_TOML, running

from sovereign.gate import Bubblewrap, PackFailed, load_pack, run_pack
from sovereign.records import Outcome

Folder = Callable[..., Path]
WRITE = "def write(text, mode='w'):\n    with open('results.json', mode) as file:\n        file.write(text)\n"

BAD = {
    "prints_a_gigabyte": ("for _ in range(1 << 14): print('x' * (1 << 16))", "printed too much"),
    "fails": ("print('cause: a broken leg'); raise SystemExit(3)", "exit status 3.*cause: a broken leg"),
    "raises": ("raise RuntimeError('no luck')", "exit status 1.*no luck"),
    "kills_itself": ("import os; os.kill(os.getpid(), 6)", "ended by signal 6"),
    "kills_all_it_can": ("import os; os.kill(-1, 9)\nimport time; time.sleep(60)", "gave no results"),
    "no_results": ("pass", "left no results.json"),
    "a_link": ("import os; os.symlink('/etc/passwd', 'results.json')", "is a link"),
    "a_link_to_a_good_file": (
        GOOD + "import os; os.rename('results.json', 'real'); os.symlink('real', 'results.json')", "is a link"),
    "a_hard_link": (GOOD + "import os; os.link('results.json', 'other')", "is a link"),
    "a_pipe": ("import os; os.mkfifo('results.json')", "no regular file"),
    "a_folder": ("import os; os.mkdir('results.json')", "no regular file"),
    "a_socket": ("import socket; socket.socket(socket.AF_UNIX).bind('results.json')", "not permitted"),
    "empty": (WRITE + "write('')", "not usable JSON"),
    "not_json": (WRITE + "write('{\"values\": ')", "not usable JSON"),
    "not_utf8": (WRITE + "open('results.json', 'wb').write(b'\\xff\\xfe')", "not usable JSON"),
    "not_a_number": (GOOD.replace("4.25", "float('nan')"), "NaN is no JSON number"),
    "infinite": (GOOD.replace("4.25", "float('inf')"), "Infinity is no JSON number"),
    "overflows": (WRITE + "write('{\"values\": {\"x\": 1e999}}')", "not usable JSON"),
    "huge_integer": (GOOD.replace("4.25", "10**30"), "not usable JSON"),
    "endless_integer": (WRITE + "write('{\"values\": {\"x\": ' + '9' * 20000 + '}}')", "not usable JSON"),
    "too_deep": (WRITE + "write('[' * 200000)", "not usable JSON"),
    "lone_surrogate": (WRITE + "write('{\"values\": {\"x\": \"\\\\ud800\"}}')", "not usable JSON"),
    "not_an_object": (WRITE + "write('[4]')", "no object with `values`"),
    "no_values": (WRITE + "write('{}')", "no object with `values`"),
    "another_pack": (GOOD.replace('"toy"', '"other"'), '`pack` of its results is "other", not toy'),
    "another_seed": (GOOD.replace('int(os.environ["SOVEREIGN_SEED"])', "8"), "`seed` of its results is 8, not 7"),
    "another_schema": (GOOD.replace("results-v1", "results-v2"), "`schema` of its results"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_pack_is_an_error_with_its_cause(name: str, sandbox: Bubblewrap, pack_folder: Folder) -> None:
    script, words = BAD[name]
    with pytest.raises(PackFailed, match=f"(?s)toy.*{words}") as caught:
        run_pack(load_pack(pack_folder(script)), sandbox)
    assert caught.value.remedy


def test_too_large_results(sandbox: Bubblewrap, pack_folder: Folder) -> None:
    """The kernel ends a file at its limit; more than that never comes out."""
    with pytest.raises(PackFailed, match="exit status 1"):
        run_pack(load_pack(pack_folder(WRITE + "write('x' * ((1 << 20) + 1))")), sandbox)


def test_out_of_time(sandbox: Bubblewrap, pack_folder: Folder) -> None:
    marker = f"endless-{uuid.uuid4().hex}"
    script = f"import time\nwhile True: time.sleep(1)\n# {marker}"
    toml = PACK_TOML.replace("seconds = 10", "seconds = 0.5")
    before = set(Path(tempfile.gettempdir()).iterdir())
    with pytest.raises(PackFailed, match="out of time"):
        run_pack(load_pack(pack_folder(script, toml=toml)), sandbox)
    assert running(marker) == []
    new = set(Path(tempfile.gettempdir()).iterdir()) - before
    assert not [path for path in new if f"sovereign-probe-{os.getpid()}-" in path.name]


def test_what_it_prints_cannot_write_over_a_terminal(sandbox: Bubblewrap, pack_folder: Folder) -> None:
    with pytest.raises(PackFailed) as caught:
        run_pack(load_pack(pack_folder("print('\\x1b[2Jgone\\x07'); raise SystemExit(1)")), sandbox)
    assert "gone" in caught.value.message
    assert "\x1b" not in caught.value.message + caught.value.log
    assert "\x07" not in caught.value.message + caught.value.log


def test_the_good_pack_runs_and_a_false_one_is_refuted(sandbox: Bubblewrap, pack_folder: Folder) -> None:
    run = run_pack(load_pack(pack_folder(GOOD)), sandbox)
    assert run.outcomes[0].outcome is Outcome.SUPPORTED
    assert run.results["values"] == {"x": 4.25}
    again = run_pack(load_pack(pack_folder(GOOD)), sandbox)
    assert again.results_bytes == run.results_bytes
    false = run_pack(load_pack(pack_folder(GOOD.replace("4.25", "5.25"))), sandbox)
    assert false.outcomes[0].outcome is Outcome.REFUTED
    missing = run_pack(load_pack(pack_folder(GOOD.replace('"x"', '"y"'))), sandbox)
    assert missing.outcomes[0].outcome is Outcome.NOT_RESOLVED


def test_the_bytes_that_were_read_are_the_bytes_that_run(sandbox: Bubblewrap, pack_folder: Folder) -> None:
    folder = pack_folder(GOOD)
    pack = load_pack(folder)
    (folder / "run.py").write_text("raise SystemExit(9)")
    assert run_pack(pack, sandbox).outcomes[0].outcome is Outcome.SUPPORTED
    assert load_pack(folder).digest != pack.digest
