"""Outputs that are no plain files, and results that are no results."""

from __future__ import annotations

from tests.support.canaries import Canaries
from tests.support.escapes.case import Escape


def word(at: Canaries, found: dict[str, bytes]) -> bool:
    return b"canary" in found.get("results.json", b"")


def anything(at: Canaries, found: dict[str, bytes]) -> bool:
    return "results.json" in found


READ = ("reading of results",)

OUTPUTS = [
    Escape("output-symlink", "leaves a link in place of its results", ("no links",), """
open("/tmp/secret.txt", "w").write("canary")
os.symlink("/tmp/secret.txt", "results.json")
""", reached=word),
    Escape("output-hard-link", "leaves a second name of another file", ("no hard links",), """
open("other", "w").write("canary")
os.link("other", "results.json")
""", reached=word),
    Escape("output-behind-a-link", "leaves a folder that is a link", ("no links", "no folder links"), """
open("/tmp/secret.txt", "w").write("canary")
os.symlink("/tmp", "figures")
""", outputs=("figures/secret.txt",), reached=lambda at, found: b"canary" in b"".join(found.values())),
    Escape("output-device", "leaves a link to a device", ("no links", "regular files only"), """
os.symlink("/dev/null", "results.json")
""", reached=anything),
    Escape("output-pipe", "leaves a pipe, for a reader to wait at", ("regular files only",), """
os.mkfifo("results.json")
""", reached=anything),
    Escape("output-too-large", "leaves more than may be collected", (
        "limit of what is collected", "limit of file size", "limit of disk"), """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
works(lambda: open("results.json", "wb").truncate(3 << 20))
""", reached=lambda at, found: len(found.get("results.json", b"")) > 2 << 20, alone=("limit of what is collected",)),
    Escape("forged-parcel", "hands out files that no job asked for, with a path that leads out", (
        "asked-for names", "honest process 1"), """
tell(False)
""", reached=lambda at, found: "../../evil" in found, alone=("asked-for names",)),
    Escape("results-not-json", "writes results that are no JSON", READ, """
open("results.json", "w").write('{"values": ')
""", reached=anything),
    Escape("results-nan", "writes a result that is no number", READ, """
open("results.json", "w").write('{"schema": "sovereign-results-v1", "pack": "toy", "seed": 7, "values": {"x": NaN}}')
""", reached=anything),
    Escape("results-overflow", "writes a number that no computer holds", READ, """
open("results.json", "w").write('{"schema": "sovereign-results-v1", "pack": "toy", "seed": 7, "values": {"x": 1e999}}')
""", reached=anything),
    Escape("results-deep", "nests its results until a reader runs out of stack", READ, """
open("results.json", "w").write("[" * 200_000)
""", reached=anything),
    Escape("results-not-text", "writes bytes that are no text", READ, """
open("results.json", "wb").write(b"\\xff\\xfe\\x00")
""", reached=anything),
    Escape("results-of-another", "writes the results of another pack", READ, """
open("results.json", "w").write('{"schema": "sovereign-results-v1", "pack": "other", "seed": 7, "values": {"x": 4}}')
""", reached=anything),
]  # fmt: skip
