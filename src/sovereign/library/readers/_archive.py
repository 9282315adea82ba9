"""Bundles: which file of an archive or of a folder is the paper, and what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ._paper import Paper, Unreadable
from ._unpack import unpack

Load = Callable[[str], "bytes | None"]
_ROOT = re.compile(rb"^[^%\n]*\\(?:documentclass|documentstyle)\b", re.M)
_BEGINS = re.compile(rb"^[^%\n]*\\begin\s*\{document\}", re.M)
_PART = re.compile(rb"^[^%\n]*\\documentclass\s*(?:\[[^\]]*\])?\s*\{(?:standalone|subfiles?)\}", re.M)
_PLAIN_TEX = re.compile(rb"^[^%\n]*\\(?:bye|magnification|input\s+(?:amstex|harvmac|phyzzx|lanlmac))\b", re.M)
_GOOD_NAMES = frozenset("main ms paper article manuscript arxiv root thesis".split())
_NAMED = re.compile(
    rb"\\(?:input|include|subfile|import\s*\{[^{}]*\}|subimport\s*\{[^{}]*\}|includegraphics|includepdf)(?![A-Za-z])\s*"
    rb"(?:\[[^\]]*\])?\s*\{?\s*([^{}\s%\\]{1,200})"
)
_MAX_PART = 5_000_000


def read_bundle(data: bytes, name: str) -> Paper:
    """The paper of an archive: its main TeX file with what that reads in, else its JATS, HTML, PDF or text.

    Raises:
        Unreadable: the archive is damaged, a bomb, or holds no paper.
    """
    from ._formats import HTML, JATS, PDF, TEXT

    unpacked = unpack(data, name)
    files = unpacked.files
    stem = PurePosixPath(name).name.split(".")[0].lower()
    root = _root_of(files, stem)
    if root is None and len(files) == 1:
        root = _only_tex(files)
    if root is not None:
        from .tex import read_tex

        paper = read_tex(files[root], root, _loader(files, root))
    else:
        found: Paper | None = None
        for one in (JATS, HTML, PDF, TEXT):
            named = sorted((p for p in files if p.lower().endswith(one.suffixes)), key=lambda p: (p.count("/"), p))
            if len(named) > 1 and one is not JATS:
                raise Unreadable(
                    f"holds no main TeX file and {len(named)} files that could be the paper",
                    "unpack it and add the folder",
                )
            if named:
                from .papers import read_as

                found = read_as(one, files[named[0]])
                break
        if found is None:
            inside = ", ".join(sorted(files)[:5]) or "no file that we read"
            raise Unreadable(f"holds no paper ({inside[:200]})", "add the paper as PDF, HTML or TeX")
        paper = found
    return replace(paper, left_out=(*paper.left_out, *unpacked.left_out))


def _root_of(files: Mapping[str, bytes], stem: str) -> str | None:
    """The main TeX file: it states a document class and begins the document; of several, the likeliest."""

    def likely(path: str) -> tuple[bool, bool, bool, int, int, str]:
        data, inner = files[path], PurePosixPath(path)
        name = inner.stem.lower()
        return (
            not _BEGINS.search(data), not (f"{path[: -len(inner.suffix)]}.bbl" in files if inner.suffix else False),
            name not in _GOOD_NAMES and name != stem, path.count("/"), -len(data), path,
        )  # fmt: skip

    endings = (".tex", ".ltx", ".latex", "", ".txt")
    texts = {p: d for p, d in files.items() if PurePosixPath(p).suffix.lower() in endings}
    roots = [p for p, d in texts.items() if _ROOT.search(d) and not _PART.search(d)]
    if roots:
        return min(roots, key=likely)
    plain = [p for p, d in texts.items() if _BEGINS.search(d) or (p.lower().endswith(".tex") and _PLAIN_TEX.search(d))]
    return min(plain, key=likely) if plain else None


def _only_tex(files: Mapping[str, bytes]) -> str | None:
    """The one file of a gzip, if it is TeX by its words."""
    path, data = next(iter(files.items()))
    if path.lower().endswith((".tex", ".ltx")):
        return path
    if _ROOT.search(data) or _BEGINS.search(data):
        return path
    head = data[:100_000]
    return path if b"\0" not in head and len(re.findall(rb"\\[a-zA-Z]{2,}", head)) > 20 else None


def _loader(files: Mapping[str, bytes], root: str) -> Load:
    folder = PurePosixPath(root).parent
    lowered = {path.lower(): path for path in files}
    bibliographies = [path for path in files if path.lower().endswith(".bbl")]

    def load(name: str) -> bytes | None:
        for place in (folder / name, PurePosixPath(name)):
            if (path := str(place)) in files:
                return files[path]
            if path.lower() in lowered:
                return files[lowered[path.lower()]]
        if name.endswith(".bbl") and len(bibliographies) == 1:
            return files[bibliographies[0]]
        return None

    return load


def read_loose(path: Path, data: bytes) -> Paper:
    """The paper of a TeX file on the disk, with what it reads in from its own folder and below.

    Raises:
        Unreadable: as for any TeX.
    """
    from .tex import read_tex

    folder = path.parent.resolve()

    def load(name: str) -> bytes | None:
        found = folder / name
        try:
            inside = found.resolve()
            if not inside.is_relative_to(folder) or not inside.is_file() or inside.stat().st_size > _MAX_PART:
                return None
            return inside.read_bytes()
        except (OSError, ValueError, RuntimeError):
            return None

    return read_tex(data, path.name, load)


def parts_of(folder: Path, names: list[str]) -> tuple[frozenset[Path], bool]:
    """What the main TeX files of a folder read in and show, as absolute paths, and whether there is a main file.

    `names` are the file names in the folder. Only names are followed here; nothing is expanded.
    """
    roots = []
    for name in names:
        if name.lower().endswith((".tex", ".ltx")):
            content = _small(folder / name)
            if _ROOT.search(content) and not _PART.search(content):
                roots.append((name, content))
    parts: set[Path] = set()
    waiting = [content for _, content in roots]
    while waiting and len(parts) < 5000:
        for match in _NAMED.finditer(waiting.pop()):
            named = match[1].decode("utf-8", "replace").strip("\"'")
            for ending in ("", ".tex", ".pdf"):
                found = folder / f"{named}{ending}"
                try:
                    if found not in parts and found.is_file() and found.resolve().is_relative_to(folder.resolve()):
                        parts.add(found)
                        if found.suffix.lower() in (".tex", ".ltx"):
                            waiting.append(_small(found))
                except (OSError, ValueError, RuntimeError):
                    continue
    return frozenset(parts - {folder / name for name, _ in roots}), bool(roots)


def is_fragment(path: Path) -> bool:
    """Whether a TeX file is no document by itself."""
    content = _small(path)
    return not (_ROOT.search(content) or _BEGINS.search(content)) or bool(_PART.search(content))


def _small(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= _MAX_PART else b""
    except OSError:
        return b""
