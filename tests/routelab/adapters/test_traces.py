"""Routing traces: round trip, replay, what they show, real public ones where they are at hand, bad files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from routelab import BadData, BadShape  # noqa: E402
from routelab.adapters import (  # noqa: E402
    Trace,
    distinct_in_batches,
    expected_distinct,
    read_token_traces,
    read_trace,
    reuse,
    zipf_exponent,
)
from routelab.dispatch import Experts, backend  # noqa: E402

PUBLIC = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "moe-routing-traces"


def made(n_sequences: int = 20, length: int = 5, seed: int = 0) -> Trace:
    """Uniform independent routing: 16 experts, 3 slots, one of them empty now and then; 2 layers."""
    random = np.random.default_rng(seed)
    tokens = n_sequences * length
    index = random.random((2, tokens, 16)).argsort(-1)[..., :3].astype(np.int64)
    weight = random.random((2, tokens, 3)).astype(np.float32)
    empty = random.random(tokens) < 0.2
    index[:, empty, 2], weight[:, empty, 2] = -1, 0
    sequence = np.repeat(np.arange(n_sequences), length)
    return Trace(16, index, weight, sequence, sequence // 2, sequence % 2, "made up")


def same(a: Trace, b: Trace) -> bool:
    arrays = [(a.index, b.index), (a.weight, b.weight), (a.sequence, b.sequence), (a.step, b.step)]
    known = (a.modality is None) == (b.modality is None)
    if a.modality is not None and b.modality is not None:
        arrays.append((a.modality, b.modality))
    return known and all(np.array_equal(x, y) for x, y in arrays) and (a.n_experts, a.model) == (b.n_experts, b.model)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    trace = made()
    trace.save(tmp_path / "a.npz")
    assert same(read_trace(tmp_path / "a.npz"), trace)
    unknown = Trace(16, trace.index, trace.weight, trace.sequence, trace.step)
    unknown.save(tmp_path / "b.npz")
    assert same(read_trace(tmp_path / "b.npz"), unknown)
    nothing = Trace(4, trace.index[:, :0], trace.weight[:, :0], trace.sequence[:0], trace.step[:0])
    nothing.save(tmp_path / "c.npz")
    assert same(read_trace(tmp_path / "c.npz"), nothing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz", "c.npz"]


def test_a_replayed_trace_runs_the_experts_that_it_names() -> None:
    trace, experts = made(), Experts(16, 8, 4)
    x = torch.randn(7, 8)
    routing = trace.routing(1, np.arange(3, 10)).checked()
    y = backend("grouped")(x, routing, experts)
    for i in range(7):
        want = torch.zeros(8)
        for e, w in zip(trace.index[1, 3 + i], trace.weight[1, 3 + i], strict=True):
            if e >= 0:
                want = want + float(w) * experts.one(int(e), x[i : i + 1])[0]
        torch.testing.assert_close(y[i], want, atol=1e-5, rtol=1e-5)
    assert np.array_equal(trace.load()[1], np.bincount(trace.index[1][trace.index[1] >= 0], minlength=16))
    with pytest.raises(BadShape, match="layer 2 of a trace of 2"):
        trace.routing(2)


def test_uniform_routing_shows_no_skew_and_the_formula_holds() -> None:
    trace = made(2000, 4)
    slots = (trace.index >= 0).sum() / trace.tokens / 2
    for batch in (1, 4, 32):
        mean = distinct_in_batches(trace, batch, 300, seed=1).mean()
        assert abs(mean - expected_distinct(16, slots, batch)) < 0.35
    assert float(np.abs(zipf_exponent(trace.load())).max()) < 0.1
    assert float(np.abs(reuse(trace) - slots / 16).max()) < 0.02


def test_skew_and_reuse_are_seen() -> None:
    load = np.array([[720720 // rank for rank in range(1, 17)], [5] * 16, [9] + [0] * 15])
    found = zipf_exponent(load)
    assert abs(found[0] - 1) < 0.01
    assert abs(found[1]) < 1e-9
    assert np.isnan(found[2])
    index = np.array([[[0, 1], [1, 2], [3, 4], [3, 4]]])
    trace = Trace(8, index, np.ones((1, 4, 2), dtype=np.float32), np.array([0, 0, 0, 1]), np.zeros(4, dtype=np.int64))
    assert reuse(trace)[0] == 0.25  # 1 of 2, 0 of 2; the last token is another sequence's first
    assert distinct_in_batches(trace, 2, 50, seed=0).max() == 4
    with pytest.raises(BadShape, match="a batch of 3 tokens from 2 sequences"):
        distinct_in_batches(trace, 3, 1, seed=0)


def test_a_trace_that_does_not_fit_itself() -> None:
    trace = made()
    with pytest.raises(BadShape, match=r"expert outside of 0 \.\. 3"):
        Trace(4, trace.index, trace.weight, trace.sequence, trace.step)
    with pytest.raises(BadShape, match="a trace of 100 tokens"):
        Trace(16, trace.index, trace.weight, trace.sequence[:-1], trace.step)
    with pytest.raises(BadShape, match=r"give \[L, N, K\]"):
        Trace(16, trace.index[0], trace.weight[0], trace.sequence, trace.step)


def written(path: Path, **changes: Any) -> Path:
    made().save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays.update(changes)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": np.array("routelab-trace-v9")}, "schema is 'routelab-trace-v9'"),
        ({"index": None}, "no field index"),
        ({"index": np.zeros((2, 100))}, "index is float64 of 2 dimensions"),
        ({"index": np.full((2, 100, 3), 16)}, "an expert outside"),
        ({"weight": np.full((2, 100, 3), np.nan)}, "weight has an entry that is not a finite number"),
        ({"step": np.zeros(99, dtype=int)}, "a trace of 100 tokens"),
        ({"n_experts": np.array("many")}, "n_experts is <U4"),
        ({"sequence": np.array([None] * 100)}, "not a whole .npz file of plain arrays"),
    ],
)
def test_a_file_with_other_fields(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    path = written(tmp_path / "bad.npz", **changes)
    with pytest.raises(BadData, match=says) as caught:
        read_trace(path)
    assert "bad.npz" in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    made().save(whole)
    for name, content in (
        ("cut.npz", whole.read_bytes()[:2000]),
        ("empty.npz", b""),
        ("text.npz", b"expert_ids, weights\n1, 2\n"),
    ):
        (tmp_path / name).write_bytes(content)
        for read in (read_trace, lambda path: read_token_traces(path, 16)):
            with pytest.raises(BadData, match=name):
                read(tmp_path / name)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(BadData, match="one array, not an"):
        read_trace(tmp_path / "one.npy")
    with pytest.raises(BadData, match="no such file"):
        read_trace(tmp_path / "none.npz")
    with pytest.raises(BadData, match="no field expert_ids"):
        read_token_traces(whole, 16)


def test_sequences_that_do_not_add_up(tmp_path: Path) -> None:
    index, weights = np.zeros((2, 5, 1), dtype=np.uint8), np.ones((2, 5, 1), dtype=np.float16)
    path = tmp_path / "a.npz"
    for lengths in ([2, 2], [6, -1], [5, 0]):
        np.savez(path, expert_ids=index, weights=weights, seq_lens=np.array(lengths))
        with pytest.raises(BadData, match="seq_lens add up to"):
            read_token_traces(path, 4)
    np.savez(path, expert_ids=index + 9, weights=weights, seq_lens=np.array([2, 3]))
    with pytest.raises(BadData, match="expert_ids or weights"):
        read_token_traces(path, 4)


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public routing traces are not beside the repository")
def test_real_traces_are_skewed_and_touch_fewer_experts_than_the_formula() -> None:
    for name, sequences, tokens in (("intent", 127, 8222), ("law", 33, 8327)):
        trace = read_token_traces(PUBLIC / f"{name}.npz", 64, "DeepSeek-V2-Lite")
        assert (trace.layers, trace.tokens, int(trace.sequence.max()) + 1) == (26, tokens, sequences)
        assert trace.load().sum() == 26 * tokens * 6
        trace.routing(25).checked()
        assert float(np.median(zipf_exponent(trace.load()))) > 0.3
        assert float(reuse(trace).mean()) > 2 * 6 / 64
        seen = distinct_in_batches(trace, 32, 40, seed=0).mean()
        assert seen < expected_distinct(64, 6, 32) - 3  # 61.3 under uniform routing
