"""Layouts: their checks, and the lists of tiles that the kernels follow."""

import pytest
import torch

from foundation.kernels.attention import AttentionLayout
from foundation.kernels.attention.layout_check import check_parts
from foundation.kernels.attention.reference import visible

OFFSETS, CODE = torch.tensor([0, 3, 5]), torch.tensor([0, 0, 1, 0, 2])
BITS = torch.ones(5, dtype=torch.int32)


@pytest.mark.parametrize("block_m", [16, 64])
@pytest.mark.parametrize("block_n", [16, 32])
def test_lists_hold_every_visible_pair_once(layout, block_m, block_n):
    """Both directions; what they call wholly seen is, and no list holds a block of which nothing is seen."""
    known = visible(layout)
    tiles = layout.tiles(block_m, block_n)
    for visits, seen, mine, theirs in (
        (tiles.queries, known, block_m, block_n),
        (tiles.keys, known.T, block_n, block_m),
    ):
        covered = torch.zeros_like(seen, dtype=torch.long)
        for begin, end, start, _, first, middle, last in visits.programs.tolist():
            assert 0 < end - begin <= mine
            for entry in range(first, last):
                at = int(visits.begin[entry]) + (start if visits is tiles.queries else 0)
                block = slice(begin, end), slice(at, min(at + theirs, int(visits.end[entry])))
                covered[block] += 1
                assert seen[block].any() or layout.sees is not None
                assert entry >= middle or (seen[block].all() and seen[block].shape[1] == theirs)
        assert covered.max() <= 1 and not (seen & (covered == 0)).any()


def test_blocks_of_unseen_kinds_are_skipped():
    """Two modalities that do not see each other: no list holds a pair of them, and their own blocks are whole."""
    offsets, code = torch.tensor([0, 256]), torch.zeros(256, dtype=torch.long)
    kind = (torch.arange(256) // 128).byte()
    layout = AttentionLayout.packed(offsets, code, sees=(1 << kind.int()), kind=kind)
    visits = layout.tiles(64, 64).queries
    assert len(visits.begin) == 8 and (visits.programs[:, 5] == visits.programs[:, 6]).all()


def test_longest_program_comes_first():
    offsets = torch.tensor([0, 10, 300, 350])
    programs = AttentionLayout.packed(offsets, torch.zeros(350, dtype=torch.long)).tiles(16, 16).queries.programs
    work = programs[:, 6] - programs[:, 4]
    assert (work[1:] <= work[:-1]).all() and work[0] == 19


def test_tiles_are_made_once(layout):
    assert layout.tiles(64, 64) is layout.tiles(64, 64)


def test_memory_is_a_thousandth_of_a_dense_mask():
    """What every layer reads, against the mask of all pairs that FlexAttention's block mask is made from."""
    lengths = [400 + 37 * i % 300 for i in range(40)]
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    offsets = torch.cat([offsets[offsets < 16384], torch.tensor([16384])])
    layout = AttentionLayout.packed(offsets, torch.zeros(16384, dtype=torch.long))
    tiles = layout.tiles(128, 128)
    kept = [layout.bounds, *(x for v in (tiles.queries, tiles.keys) for x in (v.programs, v.begin, v.end))]
    assert sum(x.numel() * x.element_size() for x in kept) * 1000 < _largest_of_flex(offsets)


def _largest_of_flex(offsets):
    """Bytes of the largest tensor that FlexAttention makes on the way to its block mask."""
    from torch.nn.attention.flex_attention import create_block_mask
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        bytes = 0

        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            out = function(*arguments, **(keywords or {}))
            if isinstance(out, torch.Tensor) and out.device.type == "meta":
                self.bytes = max(self.bytes, out.numel() * out.element_size())
            return out

    rows = int(offsets[-1])
    document = torch.zeros(rows, dtype=torch.long, device="meta")
    with Largest() as largest:
        create_block_mask(lambda b, h, q, k: document[q] == document[k], None, None, rows, rows, device="meta")
    assert largest.bytes >= rows**2  # no more than counted: shapes alone, nothing is allocated
    return rows**2


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (dict(query_offsets=torch.tensor([0, 3, 4])), r"query_offsets goes from and to \[0, 4\] for 5 rows"),
        (dict(key_offsets=torch.tensor([0, 6, 5])), "key_offsets decreases"),
        (dict(key_code=torch.tensor([1, 0, 0, 0, 2])), "codes 1, 0 at rows 0, 1 are out of order"),
        (dict(query_offsets=torch.tensor([0, 1, 3, 5])), "3 query segments and 2 key segments"),
        (dict(key_of=torch.tensor([0])), "names 1 key segments for 2"),
        (dict(key_of=torch.tensor([0, 2])), "outside 0 to 1"),
        (dict(sees=BITS), "sees and kind belong together"),
        (dict(sees=BITS, kind=31 * BITS), "kind has a value outside 0 to 30"),
        (dict(sees=-BITS, kind=BITS), "sees has a negative value"),
        (dict(key_code=CODE.to("meta")), "key_code is on meta, others on cpu"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, sentence):
    usual = dict(query_offsets=OFFSETS, query_code=CODE, key_offsets=OFFSETS, key_code=CODE)
    with pytest.raises(ValueError, match=sentence):
        AttentionLayout(**(usual | parts))


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (torch.zeros(5, 2).long(), r"key_code is torch.int64 of shape \[5, 2\]"),
        (torch.zeros(5), "key_code is torch.float32"),
    ],
)
def test_parts_of_other_ranks_and_types_are_refused(part, sentence):
    """Asked of the check itself: under test the annotations would refuse them first."""
    parts = dict.fromkeys(("key_of", "sees", "kind"))
    with pytest.raises(ValueError, match=sentence):
        check_parts(dict(query_offsets=OFFSETS, query_code=CODE, key_offsets=OFFSETS, key_code=part) | parts)


def test_bits_are_one_a_row():
    parts = dict(query_offsets=OFFSETS, query_code=CODE, key_offsets=OFFSETS, key_code=CODE, key_of=None)
    with pytest.raises(ValueError, match="kind has 4 entries for 5 rows"):
        check_parts(parts | {"sees": BITS, "kind": BITS[1:]})
