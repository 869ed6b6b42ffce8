"""TokenBatch: documents laid end to end without padding, built from tokens and their reveal steps.

A document holds a content element for every token that some later step needs, and a query element for every token
that is asked. Elements are sorted content first, then queries, each by code, so that each row sees a prefix of the
content and one window of its own group (see kernels/attention/layout.py for the rule).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.kernels.attention.layout import AttentionLayout, segment_of
from foundation.tokens import Space, Tokens


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """N documents with E elements in all.

    Args:
        ids: int64 [E], the token's code, or its row of `vectors`; of a query the answer, never shown to the model.
        space: int64 [E], index into the model's spaces.
        position: float64 [E, AXES].
        track: int64 [E].
        code: int64 [E], 2k for content and 2k - 1 for queries of reveal step k.
        offsets: int64 [N + 1], documents.
        token: int64 [E], index of the element's token in its own sample.
        vectors: continuous space -> float32 [rows, width].
    """

    ids: Int[Tensor, "E"]
    space: Int[Tensor, "E"]
    position: Float[Tensor, "E A"]
    track: Int[Tensor, "E"]
    code: Int[Tensor, "E"]
    offsets: Int[Tensor, "bounds"]
    token: Int[Tensor, "E"]
    vectors: Mapping[str, Float[Tensor, "_ _"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def documents(self) -> int:
        """Number of documents N."""
        return len(self.offsets) - 1

    @cached_property
    def document(self) -> Int[Tensor, "E"]:
        """Document of each element."""
        return segment_of(self.offsets, len(self))

    @cached_property
    def is_query(self) -> Bool[Tensor, "E"]:
        """Which elements ask for a value."""
        return self.code % 2 == 1

    @cached_property
    def content_rows(self) -> Int[Tensor, "C"]:
        """Elements that carry a value."""
        return torch.nonzero(~self.is_query).flatten()

    @cached_property
    def query_rows(self) -> Int[Tensor, "Q"]:
        """Elements that ask for one."""
        return torch.nonzero(self.is_query).flatten()

    @cached_property
    def layout(self) -> AttentionLayout:
        """Self-attention of all elements, for a single stack."""
        return AttentionLayout.packed(self.offsets, self.code)

    @cached_property
    def content_layout(self) -> AttentionLayout:
        """Self-attention of the content, for an encoder; it never sees a query."""
        offsets = torch.searchsorted(self.content_rows, self.offsets)
        return AttentionLayout.packed(offsets, self.code[self.content_rows])

    def rows_by_space(self, rows: Int[Tensor, "R"], spaces: int) -> list[Int[Tensor, "_"]]:
        """`rows` split by space: an ascending index for each of the model's `spaces`, empty where one is absent."""
        space = self.space[rows]
        counts = torch.bincount(space, minlength=spaces).tolist()
        return list(rows[torch.argsort(space, stable=True)].split(counts))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "TokenBatch":
        """The same batch on another device."""
        moved = {
            f.name: getattr(self, f.name).to(device, non_blocking=non_blocking)
            for f in fields(self)
            if f.name != "vectors"
        }
        return replace(
            self, **moved, vectors={k: v.to(device, non_blocking=non_blocking) for k, v in self.vectors.items()}
        )

    def pin_memory(self) -> "TokenBatch":
        """The same batch in page-locked memory, for asynchronous copies to a GPU."""
        moved = {f.name: getattr(self, f.name).pin_memory() for f in fields(self) if f.name != "vectors"}
        return replace(self, **moved, vectors={k: v.pin_memory() for k, v in self.vectors.items()})


def pack(samples: Sequence[tuple[Tokens, Int[Tensor, "_"]]], spaces: Sequence[Space]) -> TokenBatch:
    """Lay samples end to end as one batch, each a document.

    Args:
        samples: tokens with their reveal steps.
        spaces: the model's spaces, which give the batch its space indices.

    Raises:
        FoundationError: no sample, a sample in which no token takes part, or a space the model does not have.
    """
    if not samples:
        raise FoundationError("pack: no samples. Give at least one (tokens, reveal) pair.")
    flat = _Flat.of(samples, {s.name: (i, s) for i, s in enumerate(spaces)})
    last = torch.zeros(len(samples), dtype=torch.long).scatter_reduce(
        0, flat.document, flat.reveal, "amax", include_self=False
    )
    needed = (flat.reveal >= 0) & ((flat.reveal < last[flat.document]) | (last[flat.document] == 0))
    content, query = torch.nonzero(needed).flatten(), torch.nonzero(flat.reveal > 0).flatten()
    source = torch.cat([content, query])
    code = torch.cat([2 * flat.reveal[content], 2 * flat.reveal[query] - 1])
    span = int(code.max()) + 1 if len(code) else 1
    order = torch.argsort((flat.document[source] * 2 + code % 2) * span + code, stable=True)
    source, code = source[order], code[order]
    sizes = torch.bincount(flat.document[source], minlength=len(samples))
    if (sizes == 0).any():
        raise FoundationError(
            f"pack: no token of sample {int((sizes == 0).nonzero()[0])} takes part. A policy must give or ask for one."
        )
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return TokenBatch(
        flat.ids[source], flat.space[source], flat.position[source], flat.track[source], code, offsets,
        flat.token[source], flat.vectors,
    )  # fmt: skip


@dataclass(frozen=True)
class _Flat:
    """The tokens of several samples end to end, with space indices of the model."""

    ids: Tensor
    space: Tensor
    position: Tensor
    track: Tensor
    reveal: Tensor
    document: Tensor
    token: Tensor
    vectors: dict[str, Tensor]

    @classmethod
    def of(cls, samples: Sequence[tuple[Tokens, Tensor]], known: Mapping[str, tuple[int, Space]]) -> "_Flat":
        """The tokens of all samples, their spaces numbered as in `known` and their vectors joined."""
        ids, space, rows, count = [], [], defaultdict(list), Counter()
        legends: dict[tuple[Space, ...], Tensor] = {}
        for tokens, reveal in samples:
            if len(reveal) != len(tokens):
                raise FoundationError(
                    f"pack: {len(reveal)} reveal steps for {len(tokens)} tokens. A policy returns one per token."
                )
            if tokens.spaces not in legends:
                legends[tokens.spaces] = torch.tensor([_index(s, known) for s in tokens.spaces])
            space.append(legends[tokens.spaces][tokens.space])
            shift = [count[s.name] for s in tokens.spaces]
            ids.append(tokens.ids + torch.tensor(shift)[tokens.space] if any(shift) else tokens.ids)
            for name, vectors in tokens.vectors.items():
                rows[name].append(vectors)
                count[name] += len(vectors)
        lengths = torch.tensor([len(t) for t, _ in samples])
        ends = lengths.cumsum(0)
        document = torch.repeat_interleave(torch.arange(len(samples)), lengths)
        return cls(
            torch.cat(ids),
            torch.cat(space),
            torch.cat([t.position for t, _ in samples]),
            torch.cat([t.track for t, _ in samples]),
            torch.cat([r for _, r in samples]),
            document,
            torch.arange(len(document)) - (ends - lengths)[document],
            {name: torch.cat(v) for name, v in rows.items()},
        )


def _index(space: Space, known: Mapping[str, tuple[int, Space]]) -> int:
    index, expected = known.get(space.name, (-1, space))
    if index < 0:
        raise FoundationError(
            f"The model has no space {space.name!r}; it has {', '.join(known)}. "
            "Train it with that modality, or leave it out."
        )
    if (expected.kind, expected.size) != (space.kind, space.size):
        raise FoundationError(
            f"Space {space.name!r} is {space.kind} of size {space.size} here and {expected.kind} of size "
            f"{expected.size} in the model. Use the model's own tokenizer."
        )
    return index
