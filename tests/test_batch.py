"""`pack` against a construction written out document by document, token by token."""

import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.kernels.attention.reference import visible
from foundation.tokens import Axis, Space, Tokens, concatenate

LINE = Space("line", "discrete", 50, (Axis("x", "m", 0.0, 100.0, 1.0),))
PATCH = Space("patch", "continuous", 3)
FIELD = Space("field", "continuous", 2)
SPACES = (FIELD, LINE, PATCH)  # the model's order, which is not the samples'


def draw_tokens(generator, longest=12):
    """Line and patch tokens mixed, and sometimes field ones."""
    n, m, k = (int(i) for i in torch.randint(1, longest, (3,), generator=generator))
    line = Tokens.of_space(
        LINE,
        torch.randint(0, 50, (n,), generator=generator),
        torch.randint(0, 100, (n, 1), generator=generator).double(),
        track=1,
    )
    parts = [line, Tokens.of_space(PATCH, torch.randn(m, 3, generator=generator))]
    if k % 2:
        parts.insert(0, Tokens.of_space(FIELD, torch.randn(k, 2, generator=generator)))
    tokens = concatenate(parts)
    return tokens.select(torch.randperm(len(tokens), generator=generator))


def draw_reveal(tokens, steps, generator):
    reveal = torch.randint(-1, steps + 1, (len(tokens),), generator=generator)
    reveal[0] = reveal[0].clamp(min=0)
    return reveal


def value_of(tokens, i):
    space = tokens.spaces[tokens.space[i]]
    return int(tokens.ids[i]) if space.discrete else tokens.vectors[space.name][tokens.ids[i]].tolist()


def elements_of(tokens, reveal):
    """What a document holds, by the words of the design: (code, token), content then queries, each by code."""
    last = max(reveal.tolist())
    content = [(2 * k, i) for i, k in enumerate(reveal.tolist()) if k >= 0 and (k < last or last == 0)]
    queries = [(2 * k - 1, i) for i, k in enumerate(reveal.tolist()) if k > 0]
    return sorted(content) + sorted(queries)


@pytest.mark.parametrize("steps", [0, 1, 3, 20])
def test_pack_equals_the_obvious_construction(steps, generator):
    samples = [draw_tokens(generator) for _ in range(6)]
    samples = [(t, draw_reveal(t, steps, generator)) for t in samples]
    batch = pack(samples, SPACES)
    row = 0
    for document, (tokens, reveal) in enumerate(samples):
        assert batch.offsets[document] == row
        for code, i in elements_of(tokens, reveal):
            space = SPACES[batch.space[row]]
            assert (batch.code[row], batch.token[row], batch.document[row]) == (code, i, document)
            assert space == tokens.spaces[tokens.space[i]]
            value = int(batch.ids[row]) if space.discrete else batch.vectors[space.name][batch.ids[row]].tolist()
            assert value == value_of(tokens, i)
            assert torch.equal(batch.position[row], tokens.position[i]) and batch.track[row] == tokens.track[i]
            assert bool(batch.is_query[row]) == (code % 2 == 1)
            row += 1
    assert len(batch) == batch.offsets[-1] == row and batch.documents == len(samples)


@pytest.mark.parametrize("steps", [1, 4])
def test_visibility_is_that_of_the_design(steps, generator):
    """Content of step k sees content up to k; a query of step k sees content before k and the queries of k."""
    samples = [(t, draw_reveal(t, steps, generator)) for t in (draw_tokens(generator) for _ in range(3))]
    batch = pack(samples, SPACES)
    reveal = torch.cat([torch.tensor([samples[d][1][i] for d, i in zip(batch.document, batch.token, strict=True)])])
    expected = torch.zeros(len(batch), len(batch), dtype=torch.bool)
    for q in range(len(batch)):
        for k in range(len(batch)):
            same = batch.document[q] == batch.document[k]
            if batch.is_query[k]:
                expected[q, k] = same and batch.is_query[q] and reveal[q] == reveal[k]
            else:
                expected[q, k] = same and (reveal[k] < reveal[q] if batch.is_query[q] else reveal[k] <= reveal[q])
    assert torch.equal(visible(batch.layout), expected)
    content = batch.content_rows
    assert torch.equal(visible(batch.content_layout), expected[content][:, content])


def test_everything_asked_leaves_queries_alone(generator):
    tokens = draw_tokens(generator)
    batch = pack([(tokens, torch.ones(len(tokens), dtype=torch.long))], SPACES)
    assert len(batch.content_rows) == 0 and len(batch.query_rows) == len(tokens)


def test_everything_given_keeps_the_order_of_tokens(generator):
    tokens = draw_tokens(generator)
    batch = pack([(tokens, torch.zeros(len(tokens), dtype=torch.long))] * 2, SPACES)
    assert torch.equal(batch.token, torch.arange(len(tokens)).repeat(2)) and not batch.is_query.any()


def test_rows_by_space_split_the_rows(generator):
    batch = pack([(t, draw_reveal(t, 2, generator)) for t in (draw_tokens(generator) for _ in range(4))], SPACES)
    rows = batch.rows_by_space(batch.query_rows, len(SPACES))
    assert [set(batch.space[r].tolist()) <= {i} for i, r in enumerate(rows)] == [True] * 3
    assert torch.equal(torch.cat(rows).sort().values, batch.query_rows)
    assert all(torch.equal(r, r.sort().values) for r in rows)


def test_moving_keeps_every_part(generator):
    tokens = draw_tokens(generator)
    batch = pack([(tokens, draw_reveal(tokens, 2, generator))], SPACES)
    moved = batch.to("meta")
    assert moved.ids.device.type == "meta" and all(v.device.type == "meta" for v in moved.vectors.values())
    same = batch.to("cpu")
    assert torch.equal(same.code, batch.code) and same.vectors.keys() == batch.vectors.keys()


def test_refusals(generator):
    tokens = draw_tokens(generator)
    given = torch.zeros(len(tokens), dtype=torch.long)
    with pytest.raises(FoundationError, match="no samples"):
        pack([], SPACES)
    with pytest.raises(FoundationError, match="no token of sample 1"):
        pack([(tokens, given), (tokens, given - 1)], SPACES)
    with pytest.raises(FoundationError, match="one per token"):
        pack([(tokens, given[1:])], SPACES)
    with pytest.raises(FoundationError, match="no space 'patch'"):
        pack([(tokens, given)], (FIELD, LINE))
    with pytest.raises(FoundationError, match="discrete of size 50 here and discrete of size 51"):
        pack([(tokens, given)], (FIELD, Space("line", "discrete", 51), PATCH))
