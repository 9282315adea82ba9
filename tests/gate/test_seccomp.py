"""The system-call filter: every rule of it, by an interpreter of its program; and what must go on working under it."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sovereign.gate import Bubblewrap, Job, Limits
from sovereign.gate._seccomp import ALLOW, KILL, NO_SUCH_CALL, NOT_PERMITTED, system_call_filter
from sovereign.gate._syscalls import ALLOWED, ARCHITECTURES, REFUSED

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
LIMITS = Limits(seconds=60, cpu_seconds=60, memory_mb=2048, output_mb=4, processes=32)


def decide(architecture: str, number: int, *arguments: int, called_as: str | None = None) -> int:
    """Run a filter on one call, as the kernel does."""
    program = system_call_filter(architecture)
    assert program is not None
    lines = list(struct.iter_unpack("=HBBI", program))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    call = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, AUDIT[called_as or architecture], 0, *padded)
    loaded, at = 0, 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", call, value)
        elif code == 0x06:
            return int(value)
        else:
            true = {0x15: loaded == value, 0x25: loaded > value, 0x35: loaded >= value, 0x45: loaded & value != 0}
            at += yes if true[code] else no


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_call_is_answered_as_its_table_says(architecture: str) -> None:
    by_argument = {"clone", "ioctl", "personality", "socketpair"}
    for name, number in ALLOWED[architecture].items():
        if name not in by_argument:
            assert decide(architecture, number) == ALLOW, name
    for name, number in REFUSED[architecture].items():
        assert decide(architecture, number) == NOT_PERMITTED, name
    known = set(ALLOWED[architecture].values()) | set(REFUSED[architecture].values())
    for number in set(range(600)) - known:
        assert decide(architecture, number) == NO_SUCH_CALL, number
    assert decide(architecture, 435) == NO_SUCH_CALL  # clone3, so that libraries call clone, whose flags we can see
    program = system_call_filter(architecture)
    assert program is not None
    assert len(program) // 8 < 4096


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_decided_by_an_argument(architecture: str) -> None:
    numbers = ALLOWED[architecture]
    thread = 0x003D0F00
    assert decide(architecture, numbers["clone"], thread) == ALLOW
    assert decide(architecture, numbers["clone"], 17) == ALLOW
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide(architecture, numbers["clone"], flag | 17) == NOT_PERMITTED
        assert decide(architecture, numbers["clone"], flag | thread | 1 << 40) == NOT_PERMITTED
    assert decide(architecture, numbers["ioctl"], 0, 0x5401) == ALLOW
    for request in (0x5412, 0x541C, 0x5412 | 1 << 32):  # the kernel reads the lower half alone
        assert decide(architecture, numbers["ioctl"], 0, request) == NOT_PERMITTED
    assert decide(architecture, numbers["personality"], 0xFFFFFFFF) == ALLOW
    assert decide(architecture, numbers["personality"], 0x0040000) == NOT_PERMITTED
    assert decide(architecture, numbers["socketpair"], 1) == ALLOW
    for family in [*range(2, 46), 0, 1 << 16]:
        assert decide(architecture, numbers["socketpair"], family) == NOT_PERMITTED


def test_another_architecture_ends_the_process() -> None:
    assert decide("x86_64", 20, called_as="i386") == KILL
    assert decide("aarch64", 20, called_as="arm") == KILL
    assert decide("x86_64", 0x40000000 + 39) == KILL
    assert decide("x86_64", 0xFFFFFFFE) == KILL
    assert decide("x86_64", 0xFFFFFFFF) == NO_SUCH_CALL
    assert system_call_filter("riscv64") is None


@pytest.mark.parametrize(
    ("architecture", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_those_of_the_kernel(architecture: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not here (package linux-libc-dev)")
    text = Path(header).read_text()
    numbers = {found[1]: int(found[2]) for found in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    numbers.setdefault("newfstatat", numbers.get("fstatat", -1))
    for table in (ALLOWED, REFUSED):
        assert {name: numbers.get(name) for name in table[architecture]} == table[architecture]


WORKS = """\
import asyncio, concurrent.futures, ctypes, decimal, json, mmap, multiprocessing, os, select, selectors, signal
import sqlite3, subprocess, tempfile, threading, time, zlib

def square(x):
    return x * x

async def wait():
    await asyncio.sleep(0.01)
    return (await asyncio.gather(*(asyncio.to_thread(square, n) for n in range(4))))

if __name__ == "__main__":
    ended = []
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(square, range(5))) == [0, 1, 4, 9, 16]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(square, range(3)) == [0, 1, 4]
    assert asyncio.run(wait()) == [0, 1, 4, 9]
    assert subprocess.run(["/bin/sh", "-c", "echo $((6*7))"], capture_output=True).stdout == b"42\\n"
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(os.path.join(folder, "x.db"))
        base.execute("create table t (x)")
        base.commit()
    block = mmap.mmap(-1, 1 << 20)
    threads = [threading.Thread(target=ended.append, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    called = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)
    assert called(41) == 42
    json.dump(sorted(ended), open("results.json", "w"))
"""


def test_the_standard_library_works(sandbox: Bubblewrap) -> None:
    finished = sandbox.run(Job({"x.py": WORKS.encode()}, "x.py", LIMITS))
    assert finished.ok, finished.log
    assert json.loads(sandbox.collect(finished)["results.json"]) == list(range(8))


@pytest.mark.parametrize("package", ["numpy", "scipy", "torch"])
def test_packages_work(package: str, sandbox: Bubblewrap) -> None:
    try:
        __import__(package)
    except ImportError:
        pytest.skip(f"{package} is not installed")
    script = {
        "numpy": "import numpy as np\nx = np.random.default_rng(7).normal(size=(300, 300))\nprint((x @ x.T).max() > 0)",
        "scipy": "import scipy.stats as s\nprint(s.norm.cdf(0) == 0.5)",
        "torch": "import torch\nprint(bool((torch.ones(64, 64) @ torch.ones(64, 64)).sum() > 0))",
    }[package]
    finished = sandbox.run(Job({"x.py": script.encode()}, "x.py", LIMITS, (), packages=True))
    assert finished.ok, finished.log
    assert finished.log.strip().endswith("True")
    assert finished.passed_through == ("packages of this Python",)


def test_code_that_is_being_edited_is_shown_without_its_place(
    sandbox: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, installed = tmp_path / "code", tmp_path / "installed"
    stated = installed / "fake_lab-1.0.dist-info"
    code.mkdir()
    stated.mkdir(parents=True)
    (code / "fake_lab.py").write_text("WORD = 'as edited'")
    (installed / "_fake_lab.pth").write_text(f"{code}\n")
    (stated / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-lab\nVersion: 1.0\n")
    (stated / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    (stated / "RECORD").write_text("_fake_lab.pth,,\nfake_lab-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(installed)
    script = b"import fake_lab\nprint(fake_lab.__file__, fake_lab.WORD)"
    finished = sandbox.run(Job({"x.py": script}, "x.py", LIMITS, (), packages=True, edited=("fake-lab", "absent")))
    assert finished.ok, finished.log
    assert finished.log.strip() == "/edited/0/fake_lab.py as edited"
    assert finished.passed_through == ("packages of this Python", "code of fake-lab, as it is edited")
    (stated / "direct_url.json").write_text('{"url": "file:///x", "archive_info": {}}')
    finished = sandbox.run(Job({"x.py": script}, "x.py", LIMITS, (), packages=True, edited=("fake-lab",)))
    assert "No module named 'fake_lab'" in finished.log


def test_rocq_works(sandbox: Bubblewrap) -> None:
    if shutil.which("coqc") is None:
        pytest.skip("no coqc on PATH")
    script = """\
import subprocess
open("/work/x.v", "w").write("Theorem t : forall n : nat, n + 0 = n. Proof. induction n; simpl; congruence. Qed.")
print(subprocess.run(["coqc", "/work/x.v"], check=True), subprocess.run(["coqchk", "-R", "/work", "", "x"]).returncode)
"""
    finished = sandbox.run(Job({"x.py": script.encode()}, "x.py", LIMITS, ()))
    assert finished.ok, finished.log


def test_an_environment_behind_a_private_home(tmp_path: Path, sandbox: Bubblewrap) -> None:
    """An interpreter, its standard library and an environment, all copied below a folder that only we may enter."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    base = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "python"
    (python / "bin").mkdir(parents=True)
    shutil.copy2(Path(sys._base_executable).resolve(), python / "bin" / version)  # type: ignore[attr-defined]
    skip = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "idlelib", "config-*", "ensurepip")
    shutil.copytree(base / "lib" / version, python / "lib" / version, ignore=skip, symlinks=True)
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(library, python / "lib" / library.name, follow_symlinks=False)
    subprocess.run([python / "bin" / version, "-m", "venv", "--without-pip", home / "venv"], check=True)
    packages = home / "venv" / "lib" / version / "site-packages"
    (packages / "mine.py").write_text("WORD = 'from the environment'")
    (home / "secret").write_text("never")
    program = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parents[2] / "src")!r})
sys.path += {[path for path in sys.path if path.endswith("-packages")]!r}
from sovereign.gate import Bubblewrap, Job, Limits
script = b'''import mine, os, sys
print(mine.WORD, sys.executable, os.path.exists({str(home / "secret")!r}), sorted(os.listdir({str(home)!r})))'''
finished = Bubblewrap().run(Job({{"x.py": script}}, "x.py", Limits(), (), packages=True))
print(finished.log, finished.grade)
"""
    run = [home / "venv" / "bin" / "python", "-c", program]
    shown = subprocess.run(run, env={"PATH": "/usr/bin:/bin", "HOME": str(home)}, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "from the environment" in shown.stdout, shown.stdout
    assert f"{home}/python/bin/{version} False ['python', 'venv']" in shown.stdout
    assert sandbox.probe().grade in shown.stdout
