"""StepDecoder: the reveal steps of a batch one after another; what is given is encoded once, for inference.

In a model with `decoder_values` nothing that is revealed changes the states of what was given, nor those of what was
revealed before. So keys and values of both are kept, and a step computes its own rows alone. The states are those of
one pass over the finished batch.
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.model.block import CrossBlock
from foundation.model.decoding import DecoderRows
from foundation.model.transformer import FoundationTransformer


class StepDecoder:
    """Decoder rows of all steps, with a place for the keys and values of each.

    Args:
        model: in evaluation mode, with a decoder and `decoder_values`.
        batch: every step of every document; values that are revealed later do not matter yet.

    Raises:
        FoundationError: a model whose encoder reads what is revealed.
    """

    def __init__(self, model: FoundationTransformer, batch: TokenBatch) -> None:
        if not model.config.decoder_values:
            raise FoundationError(
                "This model's encoder reads what was generated, so it has to run at each step. Leave `cached` out, or "
                "train with `--model.decoder_depth 1` or more and `--model.decoder_values true`."
            )
        self.model, self.rows = model, DecoderRows.of(batch, model.config)
        self.code, self.blocks = batch.code[self.rows.decoded], [cast(CrossBlock, b) for b in model.decoder]
        place, turns = model.places(batch)
        encoded, decoded = self.rows.encoded, self.rows.decoded
        context = model.context_of(batch, self.rows, place, turns)
        self.place = place[decoded]
        self.turns, context_turns = (None, None) if turns is None else (turns[decoded], turns[encoded])
        self.memory = [b.cross_attn.memory(b.context_norm(context), context_turns) for b in self.blocks]
        heads = model.config.heads
        shape = len(decoded), heads, model.config.width // heads
        self.keys, self.values = ([part[i].new_zeros(shape) for part in self.memory] for i in range(2))

    def step(self, batch: TokenBatch, step: int) -> tuple[Int[Tensor, "Q"], Float[Tensor, "Q width"]]:
        """Rows of the batch, ascending, that ask at this step, and their states.

        Args:
            batch: the same rows, with the values of all earlier steps.
            step: 1, then 2, and so on.
        """
        new = torch.nonzero((self.code == 2 * step - 1) | (self.code == 2 * step - 2)).flatten()
        rows, among, above = self.rows.decoded[new], *self._layouts(new)
        turns = None if self.turns is None else self.turns[new]
        y = self.model.decoder_input(batch, rows) + self.place[new]
        for block, keys, values, memory in zip(self.blocks, self.keys, self.values, self.memory, strict=True):

            def attend(x: Tensor, block: CrossBlock = block, keys: Tensor = keys, values: Tensor = values) -> Tensor:
                q, keys[new], values[new] = block.self_attn.parts(x, turns)
                return block.self_attn.core(q, keys, values, among)

            def read(x: Tensor, block: CrossBlock = block, memory: tuple[Tensor, Tensor] = memory) -> Tensor:
                return block.cross_attn.core(block.cross_attn.queries(x, turns), *memory, above)

            y = block.around(y, attend, read)
        asked, order = rows[self.code[new] % 2 == 1].sort()
        return asked, self.model.decoder_norm(y[self.code[new] % 2 == 1][order])

    def _layouts(self, new: Int[Tensor, "N"]) -> tuple[AttentionLayout, AttentionLayout]:
        """New rows to all rows of the decoder, and to the content; rows of later steps are not visible to them."""
        decoder, cross = self.rows.decoder, self.rows.cross
        within, documents = (torch.searchsorted(new, layout.query_offsets) for layout in (decoder, cross))
        return (
            AttentionLayout(within, self.code[new], decoder.key_offsets, decoder.key_code),
            AttentionLayout(documents, self.code[new], cross.key_offsets, cross.key_code),
        )
