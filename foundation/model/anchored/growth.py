"""Growth: sequences that grow step by step; what is computed for a row is kept and never computed again.

The logits are those of one pass over the finished sequence. For a sample they are the same bits whatever other samples
grow beside it: matrix products have fixed shapes (`linear.py`, `kernels.decode`), and proteins are read one by one.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from foundation.kernels.decode import KeyValueCache, SharedKeys, decode_attention
from foundation.model.anchored.attention import attention_scale
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.linear import filled, tiled
from foundation.model.anchored.position import rotary_turns, waves
from foundation.model.anchored.transformer import AnchoredTransformer


class Growth:
    """Caches of S samples in all blocks of a model; for inference.

    Args:
        model: in evaluation mode.
        memory: of the proteins, from `protein_memory`.
        protein_of: int64 [S], the protein of each sample.
        rna: int64 [S], 1 for RNA and 0 for DNA.
        most: rows that a sample may have at a time, those that are not `live` included.
    """

    def __init__(
        self,
        model: AnchoredTransformer,
        memory: Sequence[SharedKeys],
        protein_of: Int[Tensor, "S"],
        rna: Int[Tensor, "S"],
        most: int,
    ) -> None:
        self.model, self.rna = model, rna
        config, weight = model.config, model.head.weight
        sizes = len(protein_of), most, config.heads, config.dim, weight.dtype, weight.device
        self.caches = [KeyValueCache(*sizes) for _ in model.sequence_blocks]
        self.memory = [SharedKeys(m.keys, m.values, m.lengths, protein_of) for m in memory]

    @torch.no_grad()
    def step(
        self,
        ids: Int[Tensor, "S new"],
        index: Int[Tensor, "S new"],
        side: Int[Tensor, "S new"],
        live: Bool[Tensor, "S new"],
    ) -> Float[Tensor, "S new choices"]:
        """Logits after one or two more rows of each sample, which see all earlier ones and each other.

        Args:
            ids: symbols.
            index: their coordinates.
            side: of what is asked next.
            live: rows that are meant; what the others give means nothing, and they leave no trace.
        """
        order = torch.argsort((~live).long(), dim=1, stable=True)  # rows not meant come last, to be taken back
        ids, index, side = (x.gather(1, order) for x in (ids, index, side))
        rows, withdrawn = ids.shape, None if bool(live.all()) else (~live).sum(1)
        parts = ids, index, side, self.rna[:, None].expand(rows)
        ids, index, side, rna = (filled(x.flatten()) for x in parts)
        x = tiled(self.model.embed(ids, side, rna))
        config = self.model.config
        places, at = index.unique(return_inverse=True)  # one or two that all samples share
        turns, scale = rotary_turns(index, config.dim, config.base), attention_scale(config.dim)
        code = tiled(filled(waves(places, config.width).to(x.dtype)))
        for block, cache, shared in zip(self.model.sequence_blocks, self.caches, self.memory, strict=True):

            def attend(q: Tensor, k: Tensor, v: Tensor, cache: KeyValueCache = cache) -> Tensor:
                cache.append(_real(k, rows), _real(v, rows))
                if withdrawn is not None:
                    cache.withdraw(withdrawn)
                return filled(decode_attention(_real(q, rows), cache, scale, together=True).flatten(0, 1))

            def read(q: Tensor, shared: SharedKeys = shared) -> Tensor:
                return filled(decode_attention(_real(q, rows), shared, scale).flatten(0, 1))

            place = tiled(block.cross.place(code).flatten(0, 1)[at])
            x = block(x, turns, place, attend, read)
        logits = _real(self.model.head(x).flatten(0, 1), rows)
        return logits.gather(1, torch.argsort(order, 1)[..., None].expand_as(logits))

    def keep(self, index: Int[Tensor, "kept"]) -> None:
        """Go on with these samples alone, in this order."""
        for cache in self.caches:
            cache.keep(index)
        self.memory = [shared.keep(index) for shared in self.memory]
        self.rna = self.rna[index]


@torch.no_grad()
def protein_memory(model: AnchoredTransformer, proteins: Sequence[Protein]) -> list[SharedKeys]:
    """Keys and values of the residues in each block, for no samples yet; every protein is read once, by itself."""
    device = model.head.weight.device
    states = [model.encode_protein(AnchoredBatch.of([p], []).to(device)) for p in proteins]
    lengths, nobody = torch.tensor([len(s) for s in states], device=device), torch.zeros(0, dtype=torch.long)
    memory = []
    for block in model.sequence_blocks:
        keys, values = zip(*(block.cross.keys(s) for s in states), strict=True)
        padded = [pad_sequence(list(part), batch_first=True) for part in (keys, values)]
        shared = SharedKeys(padded[0], padded[1], lengths, nobody.to(device))
        memory.append(SharedKeys(*shared.blocks, lengths, shared.segment))  # laid out once for all batches
    return memory


def _real(x: Tensor, rows: torch.Size) -> Tensor:
    """Without what fills the last tile, by samples."""
    return x[: rows.numel()].unflatten(0, rows)
