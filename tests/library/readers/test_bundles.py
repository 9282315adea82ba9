"""Archives: bombs, paths and links that lead out, nested ones; folders of mixed files; one work in several files."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.papers import column, gzipped, pdf, tar_gz, tex, zipped

from sovereign.library import Library
from sovereign.library.readers import Unreadable, read_bytes

PROSE = [
    "Routing tokens to experts costs little when the batch is small,",
    "and much when every expert of a layer is touched.",
]


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "data", [tar_gz({"main.tex": tex("Words.")}), zipped({"main.tex": tex("Words.")}), gzipped(tex("Words.")),
             gzip.decompress(tar_gz({"main.tex": tex("Words.")}))],
)  # fmt: skip
@pytest.mark.parametrize("name", ["2105.01234.gz", "2105.01234v3.tar.gz", "arXiv-2105.01234v1.zip", ""])
def test_every_shape_of_an_e_print(data: bytes, name: str) -> None:
    paper = read_bytes(data, name)
    assert paper.text == "A Paper on Routing\n\nWords.\n" and paper.reader.startswith("tex ")
    assert paper.ids == ({"arxiv": "2105.01234"} if name else {})


def test_members_that_lead_out_are_left_out_and_named() -> None:
    files = {
        "main.tex": tex("Words. \\input{../up}\\input{dev}"), "../up.tex": b"SECRET", "/abs.tex": b"SECRET",
        "C:\\x.tex": b"SECRET", "inner.zip": zipped({"x.tex": b"SECRET"}),
    }  # fmt: skip
    others = [
        member("link.tex", tarfile.SYMTYPE, "/etc/passwd"), member("hard.tex", tarfile.LNKTYPE, "main.tex"),
        member("dev.tex", tarfile.CHRTYPE), member("pipe.tex", tarfile.FIFOTYPE),
    ]  # fmt: skip
    paper = read_bytes(tar_gz(files, others), "a.tar.gz")
    said = " ".join(paper.left_out)
    assert "SECRET" not in paper.text and "root:" not in paper.text
    assert (
        said.count("leads out of the archive") == 3 and "inner.zip" in said and "unpack it and add it by itself" in said
    )
    assert said.count("the link") == 2 and "device" in said and "outside the paper's folder" in said


def zip_that_lies() -> bytes:
    """A zip whose member claims to be small and is not."""
    data = bytearray(zipped({"main.tex": b"0" * 60_000_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature)
        struct.pack_into("<I", data, at + offset, 1000)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzipped(b"0" * 200_000_000), "bomb"),
        (tar_gz({"main.tex": b"0" * 39_000_000}), "bomb"),
        (zipped({"main.tex": b"0" * 39_000_000}), "bomb"),
        (zip_that_lies(), "bomb|damaged"),
        (gzipped(gzipped(b"inner" * 100)), "archive in an archive"),
        (zipped({f"{n}.tex": b"" for n in range(10_001)}), "members"),
        (tar_gz({f"{n}.png": b"" for n in range(10_001)}), "members"),
        (tar_gz({"main.tex": tex("Words. " * 999)})[:-60], "damaged or truncated"),
        (zipped({"main.tex": tex("Words.")})[:-30], "damaged or truncated"),
        (gzipped(b"\x00\x01\x02 binary" * 500), "no paper"),
        (tar_gz({"data.csv": b"1,2"}), "no paper"),
        (zipped({"a.pdf": b"%PDF-1.4", "b.pdf": b"%PDF-1.4"}), "2 files that could be the paper"),
        (b"PK\x03\x04garbage", "damaged"),
        (b"\x1f\x8bgarbage garbage", "damaged"),
    ],
    ids=map(str, range(14)),
)  # fmt: skip
def test_bombs_ruins_and_archives_without_a_paper(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as error:
        read_bytes(data, "a.gz")
    assert error.value.remedy


def test_an_encrypted_zip() -> None:
    data = bytearray(zipped({"main.tex": tex("Words.")}))
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match="encrypted") as error:
        read_bytes(bytes(data), "a.zip")
    assert "password" in error.value.remedy


def test_a_package_without_tex_gives_its_jats_before_its_pdf() -> None:
    jats = b"<article><front><article-meta><title-group><article-title>T</article-title></title-group></article-meta>"
    jats += b"</front>"
    files = {"p/a.nxml": jats + b"<body><p>Words of it.</p></body></article>", "p/a.pdf": pdf([column(72, 700, PROSE)])}
    assert read_bytes(tar_gz(files), "PMC1.tar.gz").reader.startswith("jats ")


def test_one_work_in_several_files_is_one_source_by_its_best_text(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    row = (
        '{"id": "2105.01234", "title": "Routing, as the Listing Says", "summary": "We route.", '
        '"authors": ["Ada Lovelace"], '
        '"categories": ["cs.LG"], "abs": "https://arxiv.org/abs/2105.01234"}\n'
    )
    (folder / "listing.jsonl").write_text(row)
    (folder / "2105.01234.gz").write_bytes(tar_gz({"main.tex": tex("Words of the source.")}))
    (folder / "2105.01234v2.pdf").write_bytes(pdf([column(72, 700, PROSE)]))
    digests = []
    for order in (
        ["listing.jsonl", "2105.01234.gz", "2105.01234v2.pdf"],
        ["2105.01234v2.pdf", "2105.01234.gz", "listing.jsonl"],
    ):
        with Library.open(tmp_path / f"library-{order[0]}", create=True) as library:
            for name in order:
                assert library.add(folder / name).failed == ()
            assert library.ids() == ["arxiv:2105.01234"]
            source = library.get("arxiv:2105.01234")
            assert source.text == "A Paper on Routing\n\nWords of the source.\n" and source.reader.startswith("tex ")
            assert (source.text_level, source.title) == ("full_text", "Routing, as the Listing Says")
            assert (source.authors, source.year, source.meta["categories"]) == (("Ada Lovelace",), 2021, ["cs.LG"])
            assert [library.add(folder / name).unchanged for name in order] == [1, 1, 1]
            report = library.add(folder)
            assert (report.added, report.updated, report.unchanged) == (0, 0, 1)
            assert library.search("words of the source")[0].source == "arxiv:2105.01234"
            digests.append(library.digest())
    assert digests[0] == digests[1]


def test_the_pdf_serves_where_the_tex_is_broken(tmp_path: Path) -> None:
    (tmp_path / "2105.01234.gz").write_bytes(tar_gz({"main.tex": tex("\\def\\a{\\a}\\a")}))
    (tmp_path / "2105.01234.pdf").write_bytes(pdf([column(72, 700, PROSE)]))
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path)
        assert report.added == 1 and library.get("arxiv:2105.01234").reader.startswith("pdf ")
        assert len(report.failed) == 1 and "without end" in report.failed[0].reason


def test_a_folder_of_mixed_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "paper" / "figures").mkdir(parents=True)
    (folder / "paper" / "main.tex").write_bytes(tex("Words. \\input{part} \\includegraphics[width=1cm]{figures/plot}"))
    (folder / "paper" / "part.tex").write_text("The part.")
    (folder / "paper" / "old.tex").write_text("An old draft of the part.")
    (folder / "paper" / "figures" / "plot.pdf").write_bytes(
        pdf([column(72, 700, ["A figure, not a paper of its own."])])
    )
    (folder / "paper" / "figures" / "spare.pdf").write_bytes(pdf([column(72, 700, ["Another figure of the paper."])]))
    (folder / "other.pdf").write_bytes(pdf([column(72, 700, PROSE)]))
    (folder / "page.html").write_text("<html><head><title>Page</title></head><body><p>Its words.</p></body></html>")
    (folder / "saved.txt").write_text("<!DOCTYPE html><html><body><h1>Saved</h1><p>As text.</p></body></html>")
    (folder / "words.txt").write_text("A Title\n\nFirst para-\ngraph of it.\n\n1 Methods\n\nMore words.\n")
    (folder / "note.md").write_text("A note.")
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "blank.html").write_text("   ")
    (folder / "garbage.tex").write_bytes(bytes(range(256)) * 20)
    (folder / "picture.png").write_bytes(b"\x89PNG")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(folder)
        assert library.ids() == [
            "note:note", "work:other", "work:page", "work:paper-main", "work:saved", "work:words",
        ]  # fmt: skip
        assert library.get("work:paper-main").text == "A Paper on Routing\n\nWords. The part.\n"
        assert library.get("work:saved").reader.startswith("html ")
        assert library.get("work:words").text == "A Title\n\nFirst paragraph of it.\n\n# 1 Methods\n\nMore words.\n"
        reasons = {Path(f.where).name: f.reason for f in report.failed}
        assert set(reasons) == {"empty.pdf", "blank.html", "garbage.tex"}
        assert (
            "empty" in reasons["empty.pdf"] and "empty" in reasons["blank.html"] and "binary" in reasons["garbage.tex"]
        )
        assert [Path(path).name for path in report.skipped] == ["picture.png"]
        assert all(":" in f.reason or ";" in f.reason for f in report.failed), "cause and remedy"
        assert len(library.failures()) == 3


def test_two_files_that_would_have_one_id(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("Title one\n\nThe words of one.")
    (tmp_path / "a-b.txt").write_text("Title two\n\nThe words of two.")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path)
        assert report.added == 1 and "rename one of the files" in report.failed[0].reason


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.truncate(200_000_000)
    (tmp_path / "big.html").write_bytes(b"<html>" + b"words " * 6_000_000)
    (tmp_path / "note.md").write_text("A note.")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path)
        reasons = {Path(f.where).name: f.reason for f in report.failed}
        assert report.added == 1
        assert "200 MB" in reasons["huge.pdf"] and "split it" in reasons["huge.pdf"]
        assert "over 32 MB" in reasons["big.html"]


def test_bytes_and_files_give_the_same_text(tmp_path: Path) -> None:
    data = zipped({"main.tex": tex("Words of it.")})
    (tmp_path / "2105.01234.zip").write_bytes(data)
    with Library.open(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "2105.01234.zip")
        assert library.get("arxiv:2105.01234").text == read_bytes(data, media_type="application/zip").text


def test_a_zip_of_many_layers_does_not_recurse() -> None:
    data = zipped({"main.tex": tex("Words.")})
    for _ in range(50):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("inner.zip", data)
        data = out.getvalue()
    with pytest.raises(Unreadable, match="no paper"):
        read_bytes(data, "a.zip")


def test_a_fault_of_a_reader_costs_one_file_and_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sovereign.library.readers import html

    def stumble(*_: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(html._Reader, "read", stumble)
    (tmp_path / "a.html").write_text("<html><body><p>Words.</p></body></html>")
    (tmp_path / "b.txt").write_text("Title\n\nWords.")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path)
        assert report.added == 1
        assert "made its reader fail (IndexError" in report.failed[0].reason and "report it" in report.failed[0].reason
