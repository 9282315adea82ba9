"""The decode path's kernels in Triton's interpreter, in a process of their own; on a GPU too, where there is one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import LabError  # noqa: E402
from routelab.dispatch import Experts  # noqa: E402
from routelab.dispatch.triton_decode import triton_decode, why_not  # noqa: E402
from routelab.routing import Routing  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]

COMPARED = """
import json, sys
import torch
from routelab.dispatch import Experts, backend
from routelab.dispatch.triton_decode import triton_decode
from routelab.routing import Routing, build

device = sys.argv[1]
torch.manual_seed(0)
errors = {}
for kind in ("gelu", "swiglu"):
    for n, e, k, d, width in ((1, 8, 4, 16, 8), (5, 6, 6, 70, 33), (3, 4, 1, 64, 96), (0, 4, 2, 16, 8)):
        for dtype, bound in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
            x, experts = torch.randn(n, d), Experts(e, d, width, kind).requires_grad_(False)
            index = torch.rand(n, e).argsort(1)[:, :k]
            real = torch.rand(n, k) < 0.6
            if n > 1:
                real[1] = False  # a row of virtual experts alone
            index = torch.where(real, index, torch.randint(-9, 99, (n, k)))  # means nothing where nothing runs
            weight = torch.where(real, torch.rand(n, k), 0.0)
            routing = Routing(index, weight, real, e)
            want = backend("loop")(x, routing, experts)
            on = Routing(index.to(device), weight.to(device), real.to(device), e)
            got = triton_decode(x.to(device, dtype), on, experts.to(device, dtype)).float().cpu()
            assert got.shape == want.shape
            error = float((got - want).abs().max() / want.abs().max().clamp(min=1e-9)) if n else 0.0
            assert error < bound, (kind, n, dtype, error)
            errors[f"{kind} {n} {dtype}"] = error
router = build("anyexperts", 32, 8, k_min=2, k_max=3, rho=0.4).requires_grad_(False)
x, experts = torch.randn(4, 32), Experts(8, 32, 16).requires_grad_(False)
routing = router(x)
want = backend("loop")(x, routing, experts)
torch.testing.assert_close(triton_decode(x, routing, experts), want) if device == "cpu" else None
print(json.dumps(errors))
"""


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_kernels_compute_what_the_loop_does(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    if device == "cpu":
        environment["TRITON_INTERPRET"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", COMPARED, device], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 16


def test_without_a_gpu_it_says_so_and_what_to_run_instead() -> None:
    if why_not(torch.device("cpu")) is None:
        pytest.skip("this process interprets Triton")
    routing = Routing(torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), 2)
    with pytest.raises(LabError, match="run `grouped` or `gather` instead"):
        triton_decode(torch.zeros(1, 4), routing, Experts(2, 4, 4))


def test_no_line_of_the_path_waits_for_the_device() -> None:
    """What hands a number from the device to Python: none of it may stand in the call."""
    source = (ROOT / "src" / "routelab" / "dispatch" / "triton_decode.py").read_text(encoding="utf-8")
    body = source[source.index("def triton_decode") :]
    for wait in (".item(", ".cpu(", ".tolist(", "nonzero", "int(", "float(", "bool(", "synchronize", "unique"):
        assert wait not in body.replace("BadShape(", "").replace("LabError(", ""), wait
