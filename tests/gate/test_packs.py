"""Reading packs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.gate import GOOD, PACK_TOML

from sovereign.gate import available_packs, load_pack
from sovereign.judge.outcomes import pack_digest
from sovereign.records import BadInput, NotFound

Folder = Callable[..., Path]


def test_reads_what_runs(pack_folder: Folder) -> None:
    folder = pack_folder()
    (folder / "README.md").write_text("not part of it")
    pack = load_pack(folder)
    assert pack.spec.name == "toy"
    assert pack.files == {"pack.toml": PACK_TOML.replace("{more}", "").encode(), "run.py": GOOD.encode()}
    assert pack.digest == pack_digest(pack.files)


def test_a_changed_tolerance_is_another_pack(pack_folder: Folder) -> None:
    before = load_pack(pack_folder()).digest
    assert load_pack(pack_folder(toml=PACK_TOML.replace("tolerance = 0.5", "tolerance = 0.6"))).digest != before
    assert load_pack(pack_folder(GOOD + "\n")).digest != before
    assert load_pack(pack_folder()).digest == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "toy"', 'name = "Toy!"', "name"),
        ('name = "toy"', 'name = "toy', "not TOML"),
        ("seed = 7", "sede = 7", "sede: Extra inputs"),
        ("expected = 4.0\n", "", "exactly one of expected"),
        ("tolerance = 0.5", "tolerance = -1", "tolerance"),
        ('"within_absolute"', '"about"', "comparison"),
        ("seconds = 10", "seconds = 0", "limits.seconds"),
        ("[[claims]]", "[[klaims]]", "claims: Field required"),
        ("seed = 7", 'seed = 7\nscript = "../run.py"', "no plain file name"),
        ("seed = 7", 'seed = 7\nscript = "/etc/passwd"', "no plain file name"),
        ("seed = 7", 'seed = 7\nscript = "pack.toml"', "no plain file name"),
        ("seed = 7", 'seed = 7\nscript = ""', "no plain file name"),
    ],
)
def test_a_broken_pack_names_the_cause(pack_folder: Folder, old: str, new: str, words: str) -> None:
    folder = pack_folder(toml=PACK_TOML.replace(old, new))
    with pytest.raises(BadInput, match=words) as caught:
        load_pack(folder)
    assert str(folder) in caught.value.message
    assert caught.value.remedy


def test_missing_parts(pack_folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no pack at"):
        load_pack(tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"no pack\.toml"):
        load_pack(tmp_path)
    folder = pack_folder()
    (folder / "run.py").unlink()
    with pytest.raises(NotFound, match=r"no run\.py"):
        load_pack(folder)


def test_links_pipes_and_binaries_are_refused(pack_folder: Folder, tmp_path: Path) -> None:
    folder = pack_folder()
    (tmp_path / "elsewhere.py").write_text(GOOD)
    script = folder / "run.py"
    script.unlink()
    script.symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(BadInput, match="cannot be read"):
        load_pack(folder)
    script.unlink()
    os.mkfifo(script)
    with pytest.raises(BadInput, match="no regular file"):
        load_pack(folder)
    script.unlink()
    script.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        load_pack(folder)
    script.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(BadInput, match="larger than"):
        load_pack(folder)


def test_installed_packs_are_found_by_name() -> None:
    packs = available_packs()
    assert "expected-distinct-experts" in packs
    assert all(pack.spec.name == name for name, pack in packs.items())


def test_an_entry_point_brings_a_pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pack_folder: Folder) -> None:
    from importlib import metadata

    (tmp_path / "otherpacks").mkdir()
    (tmp_path / "otherpacks" / "__init__.py").touch()
    pack_folder().rename(tmp_path / "otherpacks" / "toy")
    monkeypatch.syspath_prepend(tmp_path)
    points = metadata.EntryPoints([metadata.EntryPoint("toy", "otherpacks", "sovereign.packs")])
    monkeypatch.setattr(metadata, "entry_points", lambda **_: points)
    assert available_packs()["toy"].spec.title == "Toy"
    wrong = metadata.EntryPoints([metadata.EntryPoint("toy", "no_such_package", "sovereign.packs")])
    monkeypatch.setattr(metadata, "entry_points", lambda **_: wrong)
    with pytest.raises(BadInput, match="no_such_package"):
        available_packs()
