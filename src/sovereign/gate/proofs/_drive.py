"""Runs inside the sandbox: the commands of a plan, one after the other, each one's output kept apart.

This file is handed into the sandbox as it is, so it may import the standard library only. It reads `plan.json` beside
it and writes `steps.json` into the folder it starts in. Whatever is compiled there can forge what it writes: only steps
that run nothing of a proof's own, in a sandbox of their own, are believed.
"""

# ruff: noqa: PTH123
import json
import os
import shutil
import subprocess
import sys

MOST_SAID = 1 << 20


def main() -> None:
    here = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120
    with open(os.path.join(here, "plan.json"), encoding="utf-8") as file:  # noqa: PTH118
        plan = json.load(file)
    for name in plan["files"]:
        shutil.copyfile(os.path.join(here, name), name)  # noqa: PTH118
    done = []
    for step in plan["steps"]:
        with open("said.txt", "wb") as said:
            code = subprocess.call(
                step["argv"], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                env={**os.environ, **plan["environment"]},
            )  # fmt: skip
        with open("said.txt", "rb") as said:
            text = said.read(MOST_SAID + 1)
        done.append({"code": code, "said": text[:MOST_SAID].decode("utf-8", "replace"), "cut": len(text) > MOST_SAID})
        if code != 0:
            break
    with open("steps.json", "w", encoding="utf-8") as file:
        json.dump(done, file)


main()
