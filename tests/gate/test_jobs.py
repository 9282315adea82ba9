"""What a job may name: sub-folders, several outputs, host folders by name; and what it may not."""

from __future__ import annotations

import json
import os
import re
import socket
import uuid
from pathlib import Path

import pytest
from tests.support.gate import running

from sovereign.gate import Bubblewrap, Ending, Job, Limits, PackFailed, Progress, grade_meets
from sovereign.gate import _host as host
from sovereign.records import BadInput

LIMITS = Limits(seconds=60, cpu_seconds=20, memory_mb=256, output_mb=2, processes=8)


def test_files_in_folders_and_several_outputs(sandbox: Bubblewrap) -> None:
    script = b"""\
import os, sys
from lib.inner import word
assert open(os.path.join(os.path.dirname(__file__), "..", "data", "a.txt")).read() == "read me"
os.makedirs("figures/one")
open("results.json", "w").write(word)
open("figures/one/a.csv", "w").write("1,2")
"""
    files = {"bin/run.py": script, "bin/lib/inner.py": b"word = 'inner'", "data/a.txt": b"read me"}
    job = Job(files, "bin/run.py", LIMITS, ("results.json", "figures/one/a.csv", "figures/never.csv"))
    finished = sandbox.run(job)
    assert finished.ok, finished.log
    assert finished.passed_through == ()
    assert finished.grade == sandbox.probe().grade
    assert sandbox.collect(finished) == {"results.json": b"inner", "figures/one/a.csv": b"1,2"}


def test_an_output_behind_a_link_and_outputs_too_large_together(sandbox: Bubblewrap) -> None:
    script = b"import os\nos.mkdir('real')\nopen('real/a', 'w').write('x')\nos.symlink('real', 'figures')\n"
    with pytest.raises(PackFailed, match=r"figures/a is behind a link"):
        sandbox.collect(sandbox.run(Job({"x.py": script}, "x.py", LIMITS, ("figures/a",))))
    script = b"for name in 'ab':\n    with open(name, 'wb') as file: file.truncate(3 << 19)\n"  # sparse: 1.5 MiB each
    with pytest.raises(PackFailed, match="b is larger than the 524288 bytes"):
        sandbox.collect(sandbox.run(Job({"x.py": script}, "x.py", LIMITS, ("a", "b"))))


@pytest.mark.parametrize(
    "name",
    ["", "/x", "../x", "a/../x", "a//x", "./x", "a/", "x\0y", "a\nb", "x" * 300, "a\\b", "/".join("a" * 20), "\x1b[2J"],
)
def test_names_that_leave_their_folder_or_cannot_be_shown(name: str) -> None:
    with pytest.raises(BadInput):
        Job({"x.py": b"", name: b""}, "x.py")
    with pytest.raises(BadInput):
        Job({"x.py": b""}, "x.py", outputs=("ok", name))


def test_jobs_that_contradict_themselves() -> None:
    for wrong in (
        {"files": {"x.py": b"", "a": b"", "a/b": b""}, "script": "x.py"},
        {"files": {"x.py": b""}, "script": "y.py"},
        {"files": {"x.py": b""}, "script": "x.py", "outputs": ("a", "a")},
        {"files": {f"{n}.py": b"" for n in range(5000)}, "script": "1.py"},
        {"files": {"x.py": b""}, "script": "x.py", "environment": {"LD_PRELOAD": "/pack/x"}},
        {"files": {"x.py": b""}, "script": "x.py", "environment": {"PYTHONPATH": "/pack"}},
        {"files": {"x.py": b""}, "script": "x.py", "environment": {"A B": "1"}},
        {"files": {"x.py": b""}, "script": "x.py", "environment": {"A": "1\0"}},
        {"files": {"x.py": b""}, "script": "x.py", "read_only": {"../x": "/tmp"}},
    ):
        with pytest.raises(BadInput):
            Job(**wrong)  # type: ignore[arg-type]


def test_a_named_folder_of_the_host_is_read_and_not_written(sandbox: Bubblewrap, tmp_path: Path) -> None:
    """It lies under a folder that only we may enter, as data in a private home does."""
    private = tmp_path / "private"
    (private / "data" / "deep").mkdir(parents=True)
    private.chmod(0o700)
    (private / "data" / "deep" / "a.txt").write_text("read me")
    script = b"""\
import json, os
def works(act):
    try: act()
    except OSError: return False
    return True
json.dump({"read": open("/data/corpus/deep/a.txt").read(), "listed": os.listdir("/data"),
           "made": works(lambda: open("/data/corpus/new", "w")),
           "changed": works(lambda: open("/data/corpus/deep/a.txt", "a")),
           "removed": works(lambda: os.unlink("/data/corpus/deep/a.txt"))}, open("results.json", "w"))
"""
    # a uid that owns nothing reads what all may read
    finished = sandbox.run(Job({"x.py": script}, "x.py", LIMITS, read_only={"corpus": private / "data"}))
    assert finished.ok, finished.log
    found = json.loads(sandbox.collect(finished)["results.json"])
    assert found == {"read": "read me", "listed": ["corpus"], "made": False, "changed": False, "removed": False}
    assert finished.passed_through == ("folder corpus",)
    assert "private" not in repr(finished.passed_through)


def test_folders_that_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for folder in (".ssh", "data/.aws", "clean/sub", ".config/tool", "pems", "workspace/keys", "sock", "fifo"):
        (home / folder).mkdir(parents=True)
    (home / "pems" / "owner.pem").touch()
    (home / "workspace" / "keys" / "owner.pem").touch()
    (home / "clean" / "sub" / "cacert.pem").touch()
    (home / "link").symlink_to("/etc")
    (home / "file").touch()
    os.mkfifo(home / "fifo" / "p")
    monkeypatch.setenv("HOME", str(home))
    there = os.open(home / "sock", os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{there}/s")
            refused = ["/", "/proc", "/proc/self", "/sys", "/dev", "/etc", "/etc/ssl", "/var", "/run", home, tmp_path]
            refused += [home / name for name in (".ssh", "data", ".config/tool", "pems", "workspace", "workspace/keys")]
            refused += [home / name for name in ("link", "file", "missing", "sock", "fifo")]
            for folder in refused:
                with pytest.raises(BadInput) as caught:
                    host.folders(Job({"x.py": b""}, "x.py", read_only={"it": folder}))
                assert caught.value.remedy
    finally:
        os.close(there)
    clean = Job({"x.py": b""}, "x.py", read_only={"it": home / "clean"})
    assert host.folders(clean) == {"/data/it": os.path.realpath(home / "clean")}


def test_a_bad_folder_runs_nothing(sandbox: Bubblewrap) -> None:
    with pytest.raises(BadInput, match="system's own"):
        sandbox.run(Job({"x.py": b""}, "x.py", read_only={"it": "/proc"}))


@pytest.mark.parametrize("name", ["sda", "../etc/passwd", "mem", "nvidia", "dri/card0", "fuse", "nvidia0/../mem"])
def test_only_graphics_devices_may_be_named(name: str) -> None:
    with pytest.raises(BadInput, match="no device that may be let through"):
        host.devices(Job({"x.py": b""}, "x.py", devices=(name,)))


def test_a_device_that_is_let_through_is_in_the_grade(
    sandbox: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No graphics card is here, so another device stands in for one."""
    device = next((name for name in ("fuse", "net/tun", "kmsg", "hwrng") if os.access(f"/dev/{name}", os.R_OK)), None)
    if device is None:
        pytest.skip("no device of this host may be read by us")
    monkeypatch.setattr(host, "_DEVICE", re.compile(re.escape(device)))
    script = f"""\
import json, os, resource, stat
json.dump([stat.S_ISCHR(os.stat("/dev/{device}").st_mode), resource.getrlimit(resource.RLIMIT_AS)[1],
           sorted(os.listdir("/dev"))], open("results.json", "w"))
"""
    finished = sandbox.run(Job({"x.py": script.encode()}, "x.py", LIMITS, devices=(device,)))
    assert finished.ok, finished.log
    is_device, address_space, listed = json.loads(sandbox.collect(finished)["results.json"])
    assert is_device
    assert address_space == -1  # a graphics driver maps far more than it uses
    assert device.split("/")[0] in listed
    assert finished.passed_through == (f"device {device}",)
    assert finished.grade.endswith("devices")
    assert not grade_meets(finished.grade, "full")
    plain = sandbox.run(Job({"x.py": script.encode()}, "x.py", LIMITS))
    assert not plain.ok
    assert "No such file" in plain.log


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="the device nvidia999 is not there"):
        host.devices(Job({"x.py": b""}, "x.py", devices=("nvidia999",)))


def test_grades() -> None:
    assert grade_meets("bubblewrap/full", "full")
    assert grade_meets("bubblewrap/no-cpu-limit", "isolated")
    assert grade_meets("bubblewrap/no-cpu-limit", "no-cpu-limit+devices")
    assert not grade_meets("bubblewrap/no-cpu-limit", "full")
    assert not grade_meets("bubblewrap/no-cpu-limit+devices", "no-cpu-limit")
    assert not grade_meets("none", "isolated")
    assert not grade_meets("bubblewrap/of-another-version", "isolated")
    with pytest.raises(BadInput):
        grade_meets("bubblewrap/full", "good")


def test_progress_is_told(sandbox: Bubblewrap) -> None:
    script = b"""\
import time
for n in range(4):
    print('step', n, '\\x1b[2J')
    time.sleep(0.3)
print('end', end='')"""
    seen: list[Progress] = []
    finished = sandbox.run(Job({"x.py": script}, "x.py", LIMITS, ()), watch=seen.append)
    assert finished.ok, finished.log
    lines = [line for one in seen for line in one.lines]
    assert lines == [f"step {n} \ufffd[2J" for n in range(4)] + ["end"]
    assert len([one for one in seen if one.lines]) >= 3  # as they came, not at the end
    assert [one.elapsed for one in seen] == sorted(one.elapsed for one in seen)


def test_what_a_watcher_raises_ends_the_job(sandbox: Bubblewrap) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    marker = f"watched-{uuid.uuid4().hex}"
    with pytest.raises(KeyboardInterrupt):
        script = b"import time; time.sleep(3600)"
        sandbox.run(Job({"x.py": script}, "x.py", Limits(3000), (), {"MARKER": marker}), watch=stop)
    assert running(marker) == []


def test_too_many_files(sandbox: Bubblewrap) -> None:
    script = b"for n in range(100_000): open(f'{n}', 'w').close()\n"
    limits = Limits(seconds=60, cpu_seconds=20, memory_mb=128, output_mb=2, processes=4, files=64)
    assert sandbox.run(Job({"x.py": script}, "x.py", limits)).ending is Ending.TOO_MANY_FILES
    few = b"for n in range(60): open(f'{n}', 'w').close()\nimport time; time.sleep(0.2)"
    assert sandbox.run(Job({"x.py": few}, "x.py", limits)).ok
