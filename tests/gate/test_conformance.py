"""What every provider of a sandbox does alike: the same jobs, the same endings, the same files, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.canaries import wait_until
from tests.support.escapes import ESCAPES, HEAD, Escape
from tests.support.escapes.outputs import READ
from tests.support.gate import GOOD, running

from sovereign.gate import (
    PROVIDERS,
    SHORTFALLS,
    Ending,
    Job,
    Limits,
    PackFailed,
    Progress,
    Sandbox,
    default_sandbox,
    grade_meets,
    load_pack,
    run_pack,
)
from sovereign.records import BadInput, SandboxUnavailable

LIMITS = Limits(seconds=60, cpu_seconds=10, memory_mb=128, output_mb=2, processes=8, open_files=64, files=64)
_TESTED: dict[str, Sandbox] = {}


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest) -> Sandbox:
    name = str(request.param)
    tested = _TESTED.setdefault(name, PROVIDERS[name]())
    report = tested.probe()
    if not report.ok:
        pytest.skip(f"no {name} on this host: {report.reason}")
    return tested


def test_a_report_names_what_was_attacked_and_by_which_control(provider: Sandbox) -> None:
    report = provider.probe()
    assert report.grade.startswith(f"{provider.name}/")
    assert grade_meets(report.grade, "isolated")
    assert set(report.grade.partition("/")[2].split("+")) <= {*SHORTFALLS, "full"}
    assert len(report.checks) >= 16
    assert all(check.attack and check.control for check in report.checks)
    assert all(check.holds for check in report.checks if check.required)
    assert report.facts["kernel"] and report.facts["mode"] and report.facts["version"]
    json.dumps(report.to_json())


def test_files_in_and_out(provider: Sandbox) -> None:
    script = """\
import os, sys
assert open(os.path.join(os.path.dirname(__file__), "data/a.txt")).read() == "read me", os.listdir("/pack")
os.makedirs("deep/er")
open("deep/er/b.bin", "wb").write(bytes(range(256)) * 16)
open("results.json", "w").write(" ".join([os.getcwd(), os.environ["TZ"], os.environ["WORD"], os.environ["HOME"]]))
"""
    job = Job(
        {"x.py": script.encode(), "data/a.txt": b"read me"}, "x.py", LIMITS,
        ("results.json", "deep/er/b.bin", "not/made"), {"WORD": "given"},
    )  # fmt: skip
    finished = provider.run(job)
    assert finished.ok, finished.log
    assert provider.collect(finished) == {
        "results.json": b"/work UTC given /home",
        "deep/er/b.bin": bytes(range(256)) * 16,
    }
    assert finished.grade == provider.probe().grade


@pytest.mark.parametrize(
    ("script", "limits", "ending"),
    [
        ("raise SystemExit(3)", LIMITS, Ending.EXITED),
        ("import os; os.kill(os.getpid(), 6)", LIMITS, Ending.SIGNALLED),
        ("import time; time.sleep(60)", Limits(seconds=0.6, memory_mb=128), Ending.OUT_OF_TIME),
        ("while True: pass", Limits(seconds=60, cpu_seconds=1, memory_mb=128), Ending.SIGNALLED),
        ("for _ in range(64): print('x' * (1 << 16))", LIMITS, Ending.PRINTED_TOO_MUCH),
        ("for n in range(9999): open(f'{n}', 'w').close()", LIMITS, Ending.TOO_MANY_FILES),
    ],
)
def test_endings(provider: Sandbox, script: str, limits: Limits, ending: Ending) -> None:
    finished = provider.run(Job({"x.py": script.encode()}, "x.py", limits))
    assert finished.ending is ending, finished.said()
    if finished.ok:
        assert provider.collect(finished) == {}
    provider.destroy(finished)
    provider.destroy(finished)


def test_named_folders_are_read_only_and_named(provider: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("read me")
    script = b"""\
print(open("/data/corpus/a.txt").read())
try:
    open("/data/corpus/a.txt", "a")
    print("WRITTEN")
except OSError:
    print("kept")
"""
    finished = provider.run(Job({"x.py": script}, "x.py", LIMITS, (), read_only={"corpus": tmp_path / "data"}))
    assert finished.log.split() == ["read", "me", "kept"]
    assert finished.passed_through == ("folder corpus",)
    with pytest.raises(BadInput):
        provider.run(Job({"x.py": script}, "x.py", LIMITS, (), read_only={"corpus": "/etc"}))


def test_progress_and_what_a_watcher_raises(provider: Sandbox) -> None:
    seen: list[Progress] = []
    script = b"import time\nfor n in range(3):\n    print(n)\n    time.sleep(0.4)\n"
    assert provider.run(Job({"x.py": script}, "x.py", LIMITS, ()), watch=seen.append).ok
    assert [line for one in seen for line in one.lines] == ["0", "1", "2"]

    def stop(progress: Progress) -> None:
        if progress.lines:
            raise KeyboardInterrupt

    marker = f"watched-{uuid.uuid4().hex}"
    with pytest.raises(KeyboardInterrupt):
        sleep = b"import time\nprint('on')\ntime.sleep(3600)"
        provider.run(Job({"x.py": sleep}, "x.py", Limits(3000), (), {"MARKER": marker}), watch=stop)
    assert wait_until(lambda: running(marker) == [])


def test_a_pack_runs_and_equal_runs_give_equal_bytes(provider: Sandbox, pack_folder: Callable[..., Path]) -> None:
    pack = load_pack(pack_folder(GOOD))
    assert run_pack(pack, provider).results_bytes == run_pack(pack, provider).results_bytes
    with pytest.raises(PackFailed, match="is a link"):
        run_pack(load_pack(pack_folder("import os; os.symlink('/etc/passwd', 'results.json')")), provider)


def test_it_ends_with_the_program_that_started_it(provider: Sandbox) -> None:
    program = f"""\
import sys
from sovereign.gate import PROVIDERS, Job, Limits
PROVIDERS[{provider.name!r}]().run(Job({{"x.py": b"import os, time\\nos.fork()\\nwhile True: time.sleep(1)"}}, "x.py",
                                       Limits(seconds=300), (), {{"MARKER": sys.argv[1]}}))
"""
    marker = f"orphan-{uuid.uuid4().hex}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    parent = subprocess.Popen([sys.executable, "-c", program, marker], env=environment)
    try:
        assert wait_until(lambda: len(set(running(marker)) - {parent.pid}) >= 2, 60.0)
        parent.kill()
        parent.wait()
        assert wait_until(lambda: running(marker) == [], 60.0)
    finally:
        parent.kill()
        parent.wait()


#: Attacks that need nothing of the host: what they reach, they reach inside.
ALONE = [one for one in ESCAPES if one.off != READ and one.aim.__code__.co_names == () and not one.outside]


@pytest.mark.parametrize("escape", ALONE, ids=lambda escape: escape.name)
def test_attacks_from_within_are_contained(provider: Sandbox, escape: Escape) -> None:
    """Their controls are in test_escapes.py: they switch off layers of bubblewrap."""
    if escape.needs and escape.needs in provider.probe().grade:
        pytest.skip(f"not contained here, as the grade says: {provider.probe().grade}")
    aim = json.dumps(escape.aim(None))  # type: ignore[arg-type]
    files = {"attack.py": (HEAD + escape.script).encode(), "aim.json": aim.encode(), **escape.files}
    finished = provider.run(Job(files, "attack.py", escape.limits, escape.outputs))
    try:
        found = provider.collect(finished) if finished.ok else {}
    except PackFailed:
        found = {}
    left = found.get("results.json", b"")
    assert b'"reached": true' not in left, left
    assert finished.ending in escape.ends, (finished.said(), finished.log)
    assert "\x1b" not in finished.log


def test_the_setting_chooses_and_nothing_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in PROVIDERS:
        monkeypatch.setenv("SOVEREIGN_SANDBOX", name)
        assert default_sandbox().name == name
    monkeypatch.setenv("SOVEREIGN_SANDBOX", "")
    assert default_sandbox().name == "bubblewrap"
    monkeypatch.setenv("SOVEREIGN_SANDBOX", "none")
    with pytest.raises(BadInput, match="SOVEREIGN_SANDBOX is 'none'"):
        default_sandbox()
    monkeypatch.setenv("SOVEREIGN_SANDBOX", "podman")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="podman is not on PATH"):
        default_sandbox().run(Job({"x.py": b""}, "x.py"))
