"""Papers made on the spot: PDFs with placed text, archives of every kind."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping

#: (x, y from the lower left corner, size, text, bold)
Line = tuple[float, float, float, str, bool]


def pdf(pages: Iterable[Iterable[Line]], title: str = "") -> bytes:
    """A PDF of Helvetica lines; a page without lines has a grey box and no text, as a scan has."""
    face = b"<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding/WinAnsiEncoding>>"
    objects: list[bytes] = [b"", b"", face % b"Helvetica", face % b"Helvetica-Bold"]
    kids = []
    for lines in pages:
        shown = b"".join(
            b"BT /F%d %g Tf %g %g Td (%s) Tj ET\n"
            % (2 if bold else 1, size, x, y, re.sub(rb"([\\()])", rb"\\\1", text.encode("cp1252")))
            for x, y, size, text, bold in lines
        ) or b"0.5 g 50 50 400 600 re f\n"  # fmt: skip
        objects.append(b"<</Length %d>>stream\n%sendstream" % (len(shown), shown))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]"
            b"/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>/Contents %d 0 R>>"
            % len(objects)
        )
        kids.append(len(objects))
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(b"<</Title(%s)>>" % title.encode("cp1252"))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out) + b"trailer<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(places) + 1, len(objects), at,
    )  # fmt: skip


def column(x: float, top: float, texts: Iterable[str], size: float = 10.0, step: float = 12.0) -> list[Line]:
    """Lines under each other."""
    return [(x, top - step * n, size, text, False) for n, text in enumerate(texts)]


def tar_gz(files: Mapping[str, bytes], others: Iterable[tarfile.TarInfo] = ()) -> bytes:
    """A gzipped tar, with members that are no files if given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for other in others:
            archive.addfile(other)
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def gzipped(data: bytes) -> bytes:
    """One file, gzipped."""
    return gzip.compress(data, mtime=0)


def tex(body: str, preamble: str = "") -> bytes:
    """A small LaTeX document."""
    return (
        f"\\documentclass{{article}}\n{preamble}\n\\title{{A Paper on Routing}}\n"
        f"\\begin{{document}}\n\\maketitle\n{body}\n\\end{{document}}\n"
    ).encode()
