"""AnchoredBatch: proteins and the rows of the sequences before them, each laid end to end without padding."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.data.biology.protein import ProteinFrames
from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.kernels.attention.segments import segment_of
from foundation.model.anchored.order import Rows
from foundation.movable import Movable

RESIDUES = 21  # ids: the amino acids, then one for a residue that is unknown or hidden


@dataclass(frozen=True, eq=False)
class Protein:
    """The residues of one protein, of one chain or several; none at all is a sequence without a protein.

    Args:
        residues: int64 [R], 0 to 20 (`foundation.data.biology.frames.AMINO_ACIDS`; 20 = unknown).
        rotation: [R, 3, 3], columns are the axes of a residue's frame.
        translation: [R, 3], origins in units of 10 Å.
        index: int64 [R], number along the chain; it may skip, where residues are missing.

    Raises:
        FoundationError: parts that do not fit each other, or a residue that is not in the table.
    """

    residues: Int[Tensor, "R"]
    rotation: Float[Tensor, "R 3 3"]
    translation: Float[Tensor, "R 3"]
    index: Int[Tensor, "R"]

    def __post_init__(self) -> None:
        lengths = [len(getattr(self, f.name)) for f in fields(self)]
        if len(set(lengths)) > 1:
            raise FoundationError(f"protein: {lengths} residues, rotations, translations, indices. Give one of each.")
        if len(self) and not 0 <= int(self.residues.min()) <= int(self.residues.max()) < RESIDUES:
            raise FoundationError(
                f"protein: residues run from {int(self.residues.min())} to {int(self.residues.max())}. "
                f"Give 0 to {RESIDUES - 1}."
            )

    @classmethod
    def of(cls, frames: ProteinFrames) -> "Protein":
        """The residues that were read off a structure."""
        parts = frames.residues, frames.rotation, frames.translation, frames.index
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    @classmethod
    def absent(cls) -> "Protein":
        """No protein: the sequence attends to nothing but itself."""
        none = torch.zeros(0, dtype=torch.long)
        return cls(none, torch.zeros(0, 3, 3), torch.zeros(0, 3), none)

    def __len__(self) -> int:
        return len(self.residues)


@dataclass(frozen=True, eq=False)
class AnchoredBatch(Movable):
    """P proteins of R residues in all, S samples of T rows in all.

    Args:
        residues, rotation, translation, residue_index: of all residues, as in `Protein`.
        residue_offsets: int64 [P + 1], proteins.
        ids, index, side, target, place, group: of all rows, as in `Rows`.
        offsets: int64 [S + 1], samples.
        protein_of: int64 [S], the protein of each sample.
        rna: int64 [S], 1 for RNA and 0 for DNA.
    """

    residues: Int[Tensor, "R"]
    rotation: Float[Tensor, "R 3 3"]
    translation: Float[Tensor, "R 3"]
    residue_index: Int[Tensor, "R"]
    residue_offsets: Int[Tensor, "proteins"]
    ids: Int[Tensor, "T"]
    index: Int[Tensor, "T"]
    side: Int[Tensor, "T"]
    target: Int[Tensor, "T"]
    place: Int[Tensor, "T"]
    group: Int[Tensor, "T"]
    offsets: Int[Tensor, "samples"]
    protein_of: Int[Tensor, "S"]
    rna: Int[Tensor, "S"]

    @classmethod
    def of(
        cls,
        proteins: Sequence[Protein],
        rows: Sequence[Rows],
        protein_of: Sequence[int] | None = None,
        rna: Sequence[bool] | bool = True,
    ) -> "AnchoredBatch":
        """Lay proteins and samples end to end.

        Args:
            proteins: each once, however many samples it has.
            rows: of each sample, from `grow`; none to read the proteins alone.
            protein_of: the protein of each sample; None = the first has the first, and so on.
            rna: of each sample, or of all.

        Raises:
            FoundationError: no protein, or samples that name none of them.
        """
        names = list(range(len(rows))) if protein_of is None else list(protein_of)
        kinds = [rna] * len(rows) if isinstance(rna, bool) else list(rna)
        if not proteins or len(names) != len(rows) or not all(0 <= p < len(proteins) for p in names):
            raise FoundationError(
                f"{len(rows)} samples of proteins {sorted(set(names))[:9]}, and there are {len(proteins)} proteins. "
                "Name for each sample one of the proteins, counted from 0; `Protein.absent()` stands for none."
            )
        if len(kinds) != len(rows):
            raise FoundationError(f"{len(kinds)} kinds (RNA or not) for {len(rows)} samples. Give one each.")
        residues, symbols = _joined(proteins, Protein), _joined(rows or [_no_rows()], Rows)
        residues["residue_index"] = residues.pop("index")
        return cls(
            **residues,
            residue_offsets=_offsets(proteins),
            **symbols,
            offsets=_offsets(rows),
            protein_of=torch.tensor(names, dtype=torch.long),
            rna=torch.tensor(kinds, dtype=torch.long),
        )

    @property
    def samples(self) -> int:
        """Number of samples S."""
        return len(self.protein_of)

    @cached_property
    def sample(self) -> Int[Tensor, "T"]:
        """Sample of each row."""
        return segment_of(self.offsets, len(self.ids))

    @cached_property
    def protein_layout(self) -> AttentionLayout:
        """Residues of a protein see each other."""
        return AttentionLayout.packed(self.residue_offsets, torch.zeros_like(self.residues))

    @cached_property
    def row_layout(self) -> AttentionLayout:
        """Rows of a sample see groups up to their own."""
        return AttentionLayout.packed(self.offsets, 2 * self.group)

    @cached_property
    def cross_layout(self) -> AttentionLayout:
        """Rows of a sample see all residues of its protein."""
        codes = torch.zeros_like(self.ids), torch.zeros_like(self.residues)
        return AttentionLayout(self.offsets, codes[0], self.residue_offsets, codes[1], self.protein_of)


def _joined(parts: Sequence[Protein] | Sequence[Rows], kind: type) -> dict[str, Tensor]:
    return {f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(kind)}


def _no_rows() -> Rows:
    return Rows(*(torch.zeros(0, dtype=torch.long) for _ in fields(Rows)))


def _offsets(parts: Sequence[Protein] | Sequence[Rows]) -> Int[Tensor, "bounds"]:
    return torch.tensor([0, *(len(part) for part in parts)]).cumsum(0)
