"""AnchoredTransformer: before a protein, a sequence that grows from an anchor, and what comes next on each side.

The protein is read once, by attention along the chain and in space. Rows of the sequence (`order.py`) see earlier rows
and the protein. With the defaults it is RNA-BAnG (arXiv:2502.21274), tensor by tensor (`foundation.interop.rnabang`).

    batch = AnchoredBatch.of([protein], [grow(letters, anchor)])
    loss = anchored_loss(model(batch), batch)
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, attention
from foundation.model.anchored.attention import Attend, Read, attention_scale, make_norm
from foundation.model.anchored.batch import RESIDUES, AnchoredBatch
from foundation.model.anchored.block import ProteinBlock, SequenceBlock
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.initial import initialise
from foundation.model.anchored.linear import RowLinear
from foundation.model.anchored.order import CHOICES, CNTR
from foundation.model.anchored.position import rotary_turns, waves

SYMBOLS = CNTR + 2  # letters, <eos>, <cntl>, <cntr>, and one that the release keeps for padding
KIND = 2  # components of a symbol's embedding that say RNA or DNA


class AnchoredTransformer(nn.Module):
    """Predicts the next symbols of growing sequences; sizes in `config`, the published ones if None."""

    def __init__(self, config: AnchoredConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AnchoredConfig()
        self.residues, self.residue_norm = nn.Embedding(RESIDUES, config.width), make_norm(config.width)
        self.symbols = nn.Embedding(SYMBOLS, config.width - KIND)
        self.kind, self.symbol_norm = nn.Embedding(2, KIND), make_norm(config.width)
        # only in one chain over both sides is the side of the next symbol not that of the row
        self.side = nn.Embedding(2, config.width) if config.factorisation == "interleaved" else None
        self.protein_blocks = nn.ModuleList(ProteinBlock(config) for _ in range(config.protein_depth))
        self.blocks = nn.ModuleList(SequenceBlock(config) for _ in range(config.depth))
        self.head = RowLinear(config.width, CHOICES)
        initialise(self)

    def forward(
        self, batch: AnchoredBatch, states: Float[Tensor, "R width"] | None = None
    ) -> Float[Tensor, "T choices"]:
        """Logits of A, C, G, U and <eos> at every row; those of rows without a target mean nothing.

        Args:
            batch: proteins and rows.
            states: `encode_protein(batch)`, where it is known already.
        """
        states, scale = self.encode_protein(batch) if states is None else states, attention_scale(self.config.dim)
        x = self.embed(batch.ids, batch.side, batch.rna[batch.sample])
        places, at = batch.index.unique(return_inverse=True)  # few: the samples stand side by side around their anchors
        turns, code = rotary_turns(batch.index, self.config.dim, self.config.base), waves(places, self.config.width)
        for block in self.sequence_blocks:
            read = _reader(*block.cross.keys(states), batch.cross_layout, scale)
            place = block.cross.place(code.to(x.dtype))[at]
            x = block(x, turns, place, _attender(batch.row_layout, scale), read)
        return self.head(x)

    @property
    def sequence_blocks(self) -> list[SequenceBlock]:
        """The blocks that read the sequence, in turn."""
        return cast(list[SequenceBlock], list(self.blocks))

    def encode_protein(self, batch: AnchoredBatch) -> Float[Tensor, "R width"]:
        """States of the residues, which depend on nothing else."""
        x = self.residue_norm(self.residues(batch.residues))
        turns = rotary_turns(batch.residue_index, self.config.dim, self.config.base)
        rotation, translation = (part.to(x.dtype) for part in (batch.rotation, batch.translation))
        layout = batch.protein_layout
        attend = _attender(layout, attention_scale(self.config.dim))
        for block in self.protein_blocks:
            x = block(x, turns, rotation, translation, layout, attend)
        return x

    def embed(self, ids: Int[Tensor, "T"], side: Int[Tensor, "T"], rna: Int[Tensor, "T"]) -> Float[Tensor, "T width"]:
        """Rows before the first block, each from its own symbol, its kind and the side it is asked about."""
        x = torch.cat([self.symbols(ids), self.kind(rna)], -1)
        return self.symbol_norm(x if self.side is None else x + self.side(side))


def _attender(layout: AttentionLayout, scale: float) -> Attend:
    return lambda q, k, v: attention(q, k, v, layout, scale)


def _reader(k: Tensor, v: Tensor, layout: AttentionLayout, scale: float) -> Read:
    return lambda q: attention(q, k.to(q.dtype), v.to(q.dtype), layout, scale)
