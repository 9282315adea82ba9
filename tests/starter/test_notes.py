"""The starter notes keep the format that their README promises, and stay in our own words."""

import re
from pathlib import Path

import pytest
import yaml

from sovereign.starter import note_paths, starter_path

NOTES = note_paths()
SECTIONS = ["What it is", "What was measured", "What was not measured", "Certainty marks"]
MARKS = set("ASCIRMTD")
LIMIT_BYTES = 8_000
SHINGLE = 10
SPEC_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "spec"

_ARXIV = re.compile(r"^\d{4}\.\d{5}$")
_SLUG = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_MARK = re.compile(r"(?<![A-Za-z])\[([A-Z])\]")  # "E[T]" is an expectation, not a mark
_MARKED_END = re.compile(r" \[[ASCIRMTD]\]\.$")


def split_note(text: str) -> tuple[dict[str, object], str]:
    """Return front matter and body of a note."""
    opening, front, body = text.split("---\n", 2)
    assert opening == ""
    parsed = yaml.safe_load(front)
    assert isinstance(parsed, dict)
    return parsed, body


def sections(body: str) -> dict[str, str]:
    """Return the text under each second-level heading, in the order of the note."""
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def sentences(text: str) -> list[str]:
    """Split prose lines into sentences; table rows are left out."""
    prose = [line for line in text.splitlines() if line.strip() and not line.startswith("|")]
    return [part.strip() for line in prose for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", line)]


def table_problems(text: str) -> list[str]:
    """Name the tables that carry no mark, neither in the header nor in each row."""
    problems = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE):
        header, _rule, *rows = block.strip().splitlines()
        if not _MARK.search(header) and not all(_MARK.search(row) for row in rows):
            problems.append(header)
    return problems


def unmarked(text: str) -> list[str]:
    """Return the sentences that hold a number and do not end in a mark and a full stop."""
    return [s for s in sentences(text) if re.search(r"\d", s) and not _MARKED_END.search(s)]


def letter_shingles(text: str, size: int = SHINGLE) -> set[tuple[str, ...]]:
    """Return all runs of ``size`` letters-only words, numbers and punctuation dropped."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def read(path: Path) -> tuple[dict[str, object], str]:
    return split_note(path.read_text(encoding="utf-8"))


def test_there_is_a_library() -> None:
    assert len(NOTES) >= 40
    assert (starter_path() / "README.md").is_file()
    assert (starter_path() / "NOTICE").is_file()
    assert starter_path() / "README.md" not in NOTES


@pytest.mark.parametrize("path", NOTES, ids=lambda p: p.stem)
def test_front_matter(path: Path) -> None:
    front, body = read(path)
    identifier = str(front["id"])
    assert front["kind"] == "note"
    assert str(front["title"]).endswith("(our note)")
    assert isinstance(front["systems"], list)
    assert all(isinstance(name, str) and name.strip() == name and name for name in front["systems"])
    assert _SLUG.match(path.stem)
    prefix, key = identifier.split(":", 1)
    assert prefix == "note"
    if "about" in front:
        assert set(front) == {"id", "kind", "title", "about", "systems", "year"}
        assert _ARXIV.match(key)
        assert front["about"] == f"arxiv:{key}"
        assert front["year"] == 2000 + int(key[:2])
        assert re.search(rf"^# .+ \(a note on arXiv {re.escape(key)}\)$", body, flags=re.MULTILINE)
    else:
        assert set(front) == {"id", "kind", "title", "systems"}
        assert _SLUG.match(key)
        assert key == path.stem
        assert front["systems"] == []


def test_identifiers_are_unique() -> None:
    identifiers = [str(read(path)[0]["id"]) for path in NOTES]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("path", NOTES, ids=lambda p: p.stem)
def test_sections_and_size(path: Path) -> None:
    _front, body = read(path)
    found = sections(body)
    assert list(found) == SECTIONS
    for name in SECTIONS:
        assert found[name].strip(), name
    assert len(path.read_bytes()) <= LIMIT_BYTES


@pytest.mark.parametrize("path", NOTES, ids=lambda p: p.stem)
def test_every_number_carries_a_mark(path: Path) -> None:
    found = sections(read(path)[1])
    for name in SECTIONS[:3]:
        assert unmarked(found[name]) == [], name
        assert table_problems(found[name]) == [], name


@pytest.mark.parametrize("path", NOTES, ids=lambda p: p.stem)
def test_legend_lists_exactly_the_marks_used(path: Path) -> None:
    _front, body = read(path)
    text, legend = body.split("## Certainty marks", 1)
    used = set(_MARK.findall(text))
    listed = re.findall(r"^- \[([A-Z])\] .+\.$", legend, flags=re.MULTILINE)
    assert used <= MARKS
    assert used
    assert sorted(listed) == sorted(used)


@pytest.mark.parametrize("path", NOTES, ids=lambda p: p.stem)
def test_figures_are_written_one_way(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\d %", text), "write 40%, without a space"
    assert "\N{MULTIPLICATION SIGN}" not in text, "write 2.01x"
    assert text.endswith(".\n")
    assert text.isascii()


def test_both_expertflows_are_there_and_name_each_other() -> None:
    both = [(front, body) for front, body in map(read, NOTES) if front["systems"] == ["ExpertFlow"]]
    assert {front["about"] for front, _body in both} == {"arxiv:2410.17954", "arxiv:2510.26730"}
    for _front, body in both:
        assert "2410.17954" in body
        assert "2510.26730" in body
        assert "another, unrelated system has the same name" in body.lower()


def test_no_note_claims_a_paper_of_moe_clip() -> None:
    for path in NOTES:
        front, _body = read(path)
        names = {str(name).lower().replace("-", "") for name in front["systems"]}  # type: ignore[attr-defined]
        assert "moeclip" not in names, path.name


def test_distinct_expert_figures_follow_from_the_formula() -> None:
    text = (starter_path() / "expected-distinct-experts.md").read_text(encoding="utf-8")
    pattern = r"With (\d+) experts and top-(\d+) routing, a step of (\d+) tokens touches ([\d.]+) distinct experts"
    figures = re.findall(pattern, text)
    assert len(figures) == 28
    for experts, k, tokens, value in figures:
        exact = int(experts) * (1 - (1 - int(k) / int(experts)) ** int(tokens))
        rounding = 0.05 if "." in value else 0.5
        assert abs(exact - float(value)) <= rounding + 1e-9, (experts, k, tokens)


def test_largest_savings_follow_from_the_formula() -> None:
    text = (starter_path() / "expected-distinct-experts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) experts, top-(\d+) \| (\d+)% \| (.+) \|$", text, flags=re.MULTILINE)
    assert len(rows) == 5
    for experts, k, cut, cells in rows:
        values = [float(cell) for cell in cells.split("|")]
        for tokens, value in zip((1, 4, 16, 64, 128, 256), values, strict=True):
            full = 1 - (1 - int(k) / int(experts)) ** tokens
            less = 1 - (1 - int(k) * (1 - int(cut) / 100) / int(experts)) ** tokens
            assert abs(100 * (1 - less / full) - value) <= 0.0501, (experts, k, cut, tokens)


def test_the_checks_above_can_fail() -> None:
    assert unmarked("Alpha reaches 3 ms. Beta reaches 4 ms [S].") == ["Alpha reaches 3 ms."]
    assert unmarked("Alpha reaches 3 ms [S]") == ["Alpha reaches 3 ms [S]"]
    assert unmarked("Alpha reaches 3 ms [X].") == ["Alpha reaches 3 ms [X]."]
    assert table_problems("| a | b |\n|---|---|\n| 1 | 2 |\n") == ["| a | b |"]
    assert table_problems("| a [S] | b |\n|---|---|\n| 1 | 2 |\n") == []
    copied = "one two three four five 6 six seven eight nine ten"
    assert {" ".join(run) for run in letter_shingles(copied)} == {"one two three four five six seven eight nine ten"}
    assert _MARK.findall("E[T] is smaller [D].") == ["D"]


@pytest.mark.skipif(not SPEC_FOLDER.is_dir(), reason="the fact sheets are not beside this checkout")
def test_notes_are_in_our_own_words() -> None:
    theirs: set[tuple[str, ...]] = set()
    for sheet in sorted(SPEC_FOLDER.glob("*.md")):
        theirs |= letter_shingles(sheet.read_text(encoding="utf-8"))
    assert theirs
    copied = {
        (path.name, " ".join(run))
        for path in [*NOTES, starter_path() / "README.md"]
        for run in letter_shingles(path.read_text(encoding="utf-8")) & theirs
    }
    assert not copied
