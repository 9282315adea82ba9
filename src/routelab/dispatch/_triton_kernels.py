"""Triton kernels of the ragged decode path: matrix-vector products over the real slots of a few tokens.

Grids come from shapes alone, so nothing waits for the device; a program of a slot without an expert ends at its first
load. Sums are in float32.
"""

import triton
import triton.language as tl


@triton.jit
def up(
    x,
    w_in,
    index,
    real,
    hidden,
    slots,
    d,
    width,
    stride_e,
    stride_d,
    stride_f,
    gated: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """hidden[pair, f] = act(x[token] @ w_in[expert])[f]; program (pair of token and slot, block of f)."""
    pair = tl.program_id(0)
    if tl.load(real + pair) == 0:
        return
    expert = tl.load(index + pair)
    token = pair // slots
    f = tl.program_id(1) * columns + tl.arange(0, columns)
    inside = f < width
    first = tl.zeros([columns], dtype=tl.float32)
    second = tl.zeros([columns], dtype=tl.float32)
    for start in range(0, d, rows):
        r = start + tl.arange(0, rows)
        v = tl.load(x + token * d + r, mask=r < d, other=0.0).to(tl.float32)
        at = w_in + expert * stride_e + r[:, None] * stride_d + f[None, :] * stride_f
        here = (r < d)[:, None] & inside[None, :]
        first += tl.sum(v[:, None] * tl.load(at, mask=here, other=0.0).to(tl.float32), axis=0)
        if gated:
            w = tl.load(at + width * stride_f, mask=here, other=0.0).to(tl.float32)
            second += tl.sum(v[:, None] * w, axis=0)
    if gated:
        h = first * tl.sigmoid(first) * second
    else:
        h = 0.5 * first * (1.0 + tl.erf(first * 0.7071067811865476))
    tl.store(hidden + pair * width + f, h, mask=inside)


@triton.jit
def down(
    hidden,
    w_out,
    weight,
    index,
    real,
    partial,
    d,
    width,
    stride_e,
    stride_f,
    stride_d,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """partial[pair, c] = weight[pair] * (hidden[pair] @ w_out[expert])[c]; program (pair, block of c)."""
    pair = tl.program_id(0)
    if tl.load(real + pair) == 0:
        return
    expert = tl.load(index + pair)
    c = tl.program_id(1) * columns + tl.arange(0, columns)
    inside = c < d
    total = tl.zeros([columns], dtype=tl.float32)
    for start in range(0, width, rows):
        r = start + tl.arange(0, rows)
        h = tl.load(hidden + pair * width + r, mask=r < width, other=0.0)
        at = w_out + expert * stride_e + r[:, None] * stride_f + c[None, :] * stride_d
        here = (r < width)[:, None] & inside[None, :]
        total += tl.sum(h[:, None] * tl.load(at, mask=here, other=0.0).to(tl.float32), axis=0)
    tl.store(partial + pair * d + c, total * tl.load(weight + pair).to(tl.float32), mask=inside)


@triton.jit
def combine(partial, real, y, slots, d, columns: tl.constexpr):
    """y[token, c] = sum of partial over the token's real slots; program (token, block of c)."""
    token = tl.program_id(0)
    c = tl.program_id(1) * columns + tl.arange(0, columns)
    inside = c < d
    total = tl.zeros([columns], dtype=tl.float32)
    for slot in range(0, slots):
        pair = token * slots + slot
        end = tl.where(tl.load(real + pair) != 0, d, 0)  # an empty slot's row was never written
        total += tl.load(partial + pair * d + c, mask=c < end, other=0.0)
    tl.store(y + token * d + c, total.to(y.dtype.element_ty), mask=inside)
