"""Get SciFact for the pack tfidf-seed-rule: three files, each compared with the digest that the pack was made for.

    python fetch.py FOLDER                  downloads the authors' release and unpacks it into FOLDER
    python fetch.py FOLDER --from PLACE     takes it from a folder or a data.tar.gz that you have

SciFact (Wadden et al. 2020, EMNLP, "Fact or Fiction: Verifying Scientific Claims") is by the Allen Institute for AI;
its claims are CC BY 4.0, its abstracts ODC-By. It is no part of this package. This script runs outside the sandbox, by
your hand, and is no part of the pack either. Standard library only.
"""

import argparse
import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path

RELEASE = "https://scifact.s3-us-west-2.amazonaws.com/release/latest/data.tar.gz"
ARCHIVE = "11c621288d41ac144d29b13b0f8503b3820b7d6e8b1f6ff24dff335c196d76be"
FILES = {
    "claims_dev.jsonl": "86f0435d08fdb65d1aa41d1472684f57e6e71930626497bdf4d7a9ec1a632217",
    "claims_train.jsonl": "f4c8fa82d8bd0653a9cc8d61a6ea48c25eacea64e90af5dbf390ebb1b74372f0",
    "corpus.jsonl": "b8d6c89624cb2ed74dee8938effc4f5d8bd2086887880af8110d64be4ceade62",
}
MOST = 64 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description="Get SciFact for the pack tfidf-seed-rule.")
    parser.add_argument("folder", type=Path, help="where to put the three files")
    parser.add_argument("--from", dest="place", type=Path, help="a folder or a data.tar.gz that you have")
    given = parser.parse_args()
    if given.place is not None and given.place.is_dir():
        found = from_folder(given.place)
    else:
        data = given.place.read_bytes() if given.place is not None else download()
        found = from_archive(data)
    wrong = [name for name, due in FILES.items() if hashlib.sha256(found.get(name, b"")).hexdigest() != due]
    if wrong:
        print(f"not what the pack was made for: {', '.join(wrong)}; nothing was written", file=sys.stderr)
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        (given.folder / name).write_bytes(content)
    print(f"{given.folder} holds {', '.join(found)}; run the pack with --input scifact={given.folder}")
    return 0


def download() -> bytes:
    with urllib.request.urlopen(RELEASE, timeout=60) as answer:
        data: bytes = answer.read(MOST + 1)
    if hashlib.sha256(data).hexdigest() != ARCHIVE:
        print("the release is another one than the pack was made for; looking at its files", file=sys.stderr)
    return data


def from_archive(data: bytes) -> dict[str, bytes]:
    """The three files out of `data/` in the archive; nothing is unpacked onto the disk."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./").removeprefix("data/")
            if name in FILES and member.isfile() and member.size <= MOST:
                file = archive.extractfile(member)
                found[name] = file.read() if file is not None else b""
    return found


def from_folder(folder: Path) -> dict[str, bytes]:
    """The three files of a folder, plain or gzipped. Claims in which letters stand for themselves are written as the
    authors wrote them, in ASCII."""
    found = {}
    for name in FILES:
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
        elif (folder / f"{name}.gz").is_file():
            with gzip.open(folder / f"{name}.gz") as file:
                content = file.read(MOST + 1)
        else:
            continue
        if name.startswith("claims") and not content.isascii():
            lines = content.decode("utf-8").splitlines()
            content = "".join(json.dumps(json.loads(line)) + "\n" for line in lines).encode("ascii")
        found[name] = content
    return found


if __name__ == "__main__":
    sys.exit(main())
