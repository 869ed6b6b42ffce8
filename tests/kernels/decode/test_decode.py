"""The fast paths of decoding against its definition, causal attention, and the same samples one by one."""

import pytest
import torch

from foundation.kernels.attention import AttentionLayout, reference_attention
from foundation.kernels.decode import KeyValueCache, SharedKeys, decode_attention, reference_decode_attention
from foundation.kernels.decode.operator import decode_tiles
from foundation.kernels.decode.tiles import HEIGHT, Tiles

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 3e-3, torch.bfloat16: 2e-2}
BACKENDS = ["torch", "triton"]


def normal(generator, *shape, dtype=torch.float32, device="cpu"):
    return torch.randn(*shape, generator=generator).to(device, dtype)


def draw_cache(lengths, heads, dim, dtype, generator, device="cpu"):
    """A cache whose sequences have these lengths; beyond them lies what must not be seen."""
    cache = KeyValueCache(len(lengths), 150, heads, dim, dtype, device)
    for stored in (cache.keys, cache.values):
        stored.copy_(100 * normal(generator, *stored.shape))
        for row, length in zip(stored, lengths, strict=True):
            row[:length] = normal(generator, length, heads, dim)
    cache.lengths, cache.longest = torch.tensor(lengths, device=device), max(lengths)
    return cache


def draw_shared(heads, dim, dtype, generator, device="cpu"):
    """Four segments, one of them empty, one read by more samples than a tile holds."""
    keys, values = (normal(generator, 4, 70, heads, dim, dtype=dtype, device=device) for _ in range(2))
    segment = torch.tensor([2, 0, *[1] * (HEIGHT + 3), 3, 0], device=device)
    return SharedKeys(keys, values, torch.tensor([70, 33, 0, 1], device=device), segment)


def draw(kind, new, dim, dtype, generator, device="cpu"):
    if kind == "shared":
        cache = draw_shared(2, dim, dtype, generator, device)
        return normal(generator, len(cache.segment), new, 2, dim, dtype=dtype, device=device), cache
    cache = draw_cache((2, 64, 66, 130), 2, dim, dtype, generator, device)
    return normal(generator, 4, new, 2, dim, dtype=dtype, device=device), cache


def exact(q, cache):
    return reference_decode_attention(q.double(), cache)


def error(fast, slow):
    return float((fast.double() - slow).norm() / slow.norm())


@pytest.mark.parametrize(
    ("dtype", "backend"), [(d, "torch") for d in TOLERANCE] + [(torch.float32, "triton"), (torch.float16, "triton")]
)
@pytest.mark.parametrize("new", [1, 2])
@pytest.mark.parametrize("kind", ["own", "shared"])
@pytest.mark.parametrize("dim", [32, 88])
def test_equals_the_definition(kind, new, dim, dtype, backend, generator):
    q, cache = draw(kind, new, dim, dtype, generator)
    fast = decode_attention(q, cache, backend=backend)
    assert fast.dtype == dtype and error(fast, exact(q, cache)) < TOLERANCE[dtype]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("new", [1, 2])
@pytest.mark.parametrize("kind", ["own", "shared"])
@pytest.mark.parametrize("dim", [32, 64, 80, 88, 96, 128])
def test_equals_the_definition_on_a_gpu(kind, new, dim, dtype, generator):
    q, cache = draw(kind, new, dim, dtype, generator, "cuda")
    assert error(decode_attention(q, cache), exact(q, cache)) < TOLERANCE[dtype]


@pytest.mark.parametrize("backend", BACKENDS)
def test_steps_are_causal_attention(backend, generator):
    """Row by row over a growing cache, and all rows at once under a causal mask."""
    q, k, v = normal(generator, 3, 1, 70, 2, 32).double().float()
    layout = AttentionLayout.packed(torch.tensor([0, 70]), 2 * torch.arange(70))
    whole = reference_attention(*(x[0].double() for x in (q, k, v)), layout)
    cache, steps = KeyValueCache(1, 70, 2, 32), []
    for t in range(70):
        cache.append(k[:, t : t + 1], v[:, t : t + 1])
        if backend == "torch" or t in (0, 1, 63, 64, 69):
            out = decode_attention(q[:, t : t + 1], cache, backend=backend)[0, 0]
            steps.append(error(out, whole[t]))
    assert max(steps) < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_pairs_see_earlier_steps_and_themselves(backend, generator):
    """Two rows a step: the mask is an earlier step, or the same row."""
    q, k, v = normal(generator, 3, 1, 6, 1, 32)
    step = torch.arange(6) // 2
    mask = (step[None, :] < step[:, None]) | torch.eye(6, dtype=torch.bool)
    whole = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2).double() for x in (q, k, v)), attn_mask=mask
    ).transpose(1, 2)
    cache = KeyValueCache(1, 6, 1, 32)
    for t in (0, 2, 4):
        cache.append(k[:, t : t + 2], v[:, t : t + 2])
        out = decode_attention(q[:, t : t + 2], cache, backend=backend)
        assert error(out, whole[:, t : t + 2]) < 1e-5


def alone(cache, i):
    """The cache of one sample."""
    if isinstance(cache, SharedKeys):
        return cache.keep(torch.tensor([i], device=cache.keys.device))
    single = KeyValueCache(1, 150, *cache.keys.shape[2:], cache.keys.dtype, cache.keys.device)
    single.keys, single.values, single.lengths = (x[i : i + 1] for x in (cache.keys, cache.values, cache.lengths))
    single.longest = int(single.lengths)
    return single


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("new", [1, 2])
@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_batch_is_its_samples_one_by_one_bit_for_bit(kind, new, backend, dtype, generator):
    q, cache = draw(kind, new, 32, dtype, generator)
    whole = decode_attention(q, cache, backend=backend)
    single = torch.cat([decode_attention(q[i : i + 1], alone(cache, i), backend=backend) for i in range(len(q))])
    if kind == "shared" and backend == "triton":  # NumPy's product, in the interpreter, rounds by a row's place
        torch.testing.assert_close(whole, single)
    else:
        assert torch.equal(whole, single)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_batch_is_its_samples_one_by_one_bit_for_bit_on_a_gpu(kind, dtype, generator):
    q, cache = draw(kind, 2, 64, dtype, generator, "cuda")
    whole = decode_attention(q, cache)
    single = torch.cat([decode_attention(q[i : i + 1], alone(cache, i)) for i in range(len(q))])
    assert torch.equal(whole, single)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["own", "shared"])
def test_finished_samples_leave_the_others_as_they_were(kind, backend, generator):
    q, cache = draw(kind, 1, 32, torch.float32, generator)
    before, index = decode_attention(q, cache, backend=backend), torch.tensor([3, 1])
    kept = cache.keep(index)
    assert torch.equal(decode_attention(q[index], kept or cache, backend=backend), before[index])


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_of_a_step_together_see_all_that_is_stored(backend, generator):
    q, cache = draw("own", 2, 32, torch.float32, generator)
    wanted = reference_decode_attention(q.double(), cache, together=True)
    assert error(decode_attention(q, cache, backend=backend, together=True), wanted) < 1e-5
    assert error(decode_attention(q, cache, backend=backend), wanted) > 1e-3


def test_withdrawn_rows_are_neither_seen_nor_kept(generator):
    k, v = (normal(generator, 2, 5, 1, 4) for _ in range(2))
    cache, plain = KeyValueCache(2, 5, 1, 4), KeyValueCache(2, 5, 1, 4)
    cache.append(k[:, :2], v[:, :2])
    cache.withdraw(torch.tensor([1, 0]))
    assert cache.lengths.tolist() == [1, 2] and cache.longest == 2
    cache.append(k[:, 2:3], v[:, 2:3])
    plain.append(k[:, [0, 2]], v[:, [0, 2]])
    q = normal(generator, 2, 1, 1, 4)
    assert torch.equal(decode_attention(q, cache)[0], decode_attention(q, plain)[0])
    with pytest.raises(ValueError, match="withdraw"):
        cache.withdraw(torch.tensor([3, 0]))


def test_a_row_without_keys_gives_zeros(generator):
    for backend in BACKENDS:
        q, cache = draw("shared", 1, 32, torch.float32, generator)
        assert not decode_attention(q, cache, backend=backend)[0].any()


def test_large_logits_stay_finite(generator):
    q, cache = draw("own", 2, 32, torch.float32, generator)
    assert all(torch.isfinite(decode_attention(1e4 * q, cache, backend=b)).all() for b in BACKENDS)


def test_every_element_is_written(monkeypatch, generator):
    q, cache = draw("shared", 2, 88, torch.float32, generator)
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: empty(*a, **k).fill_(torch.nan))
    assert torch.isfinite(decode_attention(q, cache, backend="triton")).all()


def test_every_row_stands_in_one_tile_of_its_segment(generator):
    segment = torch.randint(0, 5, (70,), generator=generator)
    tiles = Tiles.stacked(segment, 2)
    assert sorted(tiles.rows[tiles.rows >= 0].tolist()) == list(range(140))
    home = segment.repeat_interleave(2)
    assert all((home[rows[rows >= 0]] == s).all() for rows, s in zip(tiles.rows, tiles.segment, strict=True))
    assert len(tiles.rows) == sum(-(-2 * int(n) // HEIGHT) for n in torch.bincount(segment))


def test_operator_keeps_pytorchs_contract(generator):
    q, cache = draw("own", 2, 32, torch.float32, generator)
    tiles = Tiles.own(4, 2, q.device)
    arguments = (q, cache.keys, cache.values, tiles.rows, tiles.segment, cache.lengths - 2, True, 0.2)
    torch.library.opcheck(decode_tiles, arguments, test_utils=("test_schema", "test_faketensor"))


def test_bad_input_gets_one_sentence(generator):
    cache, row = KeyValueCache(2, 1, 1, 32), torch.zeros(2, 1, 1, 32)
    with pytest.raises(ValueError, match=r"the cache holds 0\. Append their keys first"):
        decode_attention(row, cache)
    cache.append(row, row)
    with pytest.raises(ValueError, match="1 rows and 1 new ones, but room for 1"):
        cache.append(row, row)
    with pytest.raises(ValueError, match=r"keys \[1, 1, 1, 32\].* for 2 sequences"):
        cache.append(row[:1], row[:1])
    with pytest.raises(ValueError, match=r"Give \[samples, 1 or 2, heads, dim\]"):
        decode_attention(row.expand(2, 3, 1, 32), cache)
    with pytest.raises(ValueError, match=r"Use `torch.no_grad\(\)`"):
        decode_attention(row.requires_grad_(), cache)
    with pytest.raises(ValueError, match=r"segment runs from 0 to 2 .* Give 0 to 1"):
        SharedKeys(row, row, torch.ones(2).long(), torch.tensor([0, 2]))
