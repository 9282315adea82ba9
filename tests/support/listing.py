"""A small listing of works, written for the tests: one on the subject, two beside it, one far away."""

from __future__ import annotations

import json
from pathlib import Path

ZEBRA_QUESTION = "How does ZebraRoute compare to fixed top-k routing in inference latency at batch size 16?"
WORKS = (
    (
        "2501.00001",
        "ZebraRoute: Striped Routing for Mixture-of-Experts Models",
        "Mixture-of-experts models activate few experts per token. We present ZebraRoute, a routing strategy. "
        "At batch size 16 ZebraRoute lowers inference latency by 12.5% against fixed top-k routing. "
        "It keeps accuracy within 0.3 points. Code is available.",
    ),
    (
        "2501.00002",
        "A Survey of Serving Systems",
        "Serving systems batch requests. We survey forty of them. Latency and throughput improve with larger batches.",
    ),
    (
        "2501.00003",
        "Batch Sizes in Vision",
        "Large batch sizes change training. Inference latency rises to 41 ms at batch size 64 on one card.",
    ),
    ("2501.00004", "Bees and Flowers", "Bees visit flowers. Visits rose by 8% in spring."),
)


def write_listing(path: Path, *more: tuple[str, str, str]) -> Path:
    """The works as JSON lines that a library can add."""
    rows = [
        {"id": number, "title": title, "summary": summary, "authors": "A. Author", "categories": "cs.LG",
         "abs": f"https://arxiv.org/abs/{number}", "comment": None, "pdf": ""}
        for number, title, summary in (*WORKS, *more)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
