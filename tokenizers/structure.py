"""StructureTokenizer: the backbone around each residue of a protein, one code, however the molecule lies.

As the structure tokens of ESM3 (doi:10.1126/science.ads0018) a code tells a residue's neighbourhood and nothing else;
these are our own, learned from users' structures, and not its codes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.data.biology.residues import molecule_places, the_protein
from foundation.data.biology.single import single_protein
from foundation.data.biology.structure import BACKBONE, Chain, Structure
from foundation.data.records import Record
from foundation.tokenizers import structure_quality
from foundation.tokenizers.assembly import assembled
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.learned import LearnedTokenizer, Prepared, Reconstruction
from foundation.tokenizers.letters import place_axis
from foundation.tokenizers.neighbourhood import ATOMS, CROWD, Neighbourhoods, neighbourhoods, width
from foundation.tokenizers.quantizer import make_quantizer
from foundation.tokenizers.structure_network import ChainDecoder, NeighbourhoodEncoder
from foundation.tokenizers.track_symbols import SPECIALS
from foundation.tokens import Space, Tokens

FEWEST = 8  # residues of a piece that is trained on, if there are others


@dataclass(frozen=True)
class StructureConfig:
    """Sizes; the defaults have as many codes as ESM3.

    Args:
        nearest: residues that a code tells of, by distance, its own among them.
        window: places before and after a residue whose atoms the decoder puts out.
        levels: of the quantiser; their product is the number of codes.
        normalise: whether what FSQ quantises is batch-normalised.
        width: of the encoder.
        depth: its blocks.
        heads: of its attention.
        decoder_width: of the decoder.
        decoder_depth: its blocks; each sees three places further to either side.
        piece: places of a stretch of chain that is trained on.
        track: number of the group of modalities that are aligned with each other.
        longest: places of the longest protein.
    """

    nearest: int = 16
    window: int = 4
    levels: tuple[int, ...] = (8, 8, 8, 8)
    normalise: bool = True
    width: int = 256
    depth: int = 2
    heads: int = 8
    decoder_width: int = 512
    decoder_depth: int = 8
    piece: int = 128
    track: int = 0
    longest: int = 100_000

    def __post_init__(self) -> None:
        sizes = (self.nearest, self.window, self.depth, self.heads, self.decoder_depth, self.piece, self.longest)
        if min(sizes) < 1 or self.width % self.heads or self.track < 0:
            raise TokenizerError(
                f"structure: nearest {self.nearest}, window {self.window}, depths {self.depth} and "
                f"{self.decoder_depth}, width {self.width} of {self.heads} heads, piece {self.piece}, longest "
                f"{self.longest}, track {self.track}. Give 1 or more of each, a multiple of the heads, a track from 0."
            )


class StructureTokenizer(LearnedTokenizer):
    """A code at each place of the whole molecule, counted from 0, in the track of its residues.

    A residue without N, CA and C, or not in the file, has the last code. Codes are of the chain alone: what else is in
    the structure is not looked at. Decoding assembles one chain of N, CA and C from what the codes tell of each
    residue's surroundings; the shape of short stretches comes back better than how they lie to each other.
    """

    kind = "structure"
    config_class = StructureConfig
    record_type = Structure

    def __init__(self, config: StructureConfig, name: str = "prot_struct") -> None:
        super().__init__(config, name)
        c = config
        self._quantizer = make_quantizer(c.levels, c.normalise)
        self.encoder = NeighbourhoodEncoder(c.width, c.depth, c.heads, len(c.levels))
        self.decoder = ChainDecoder(len(c.levels), c.decoder_width, c.decoder_depth, width(c.window))
        self.space = Space(name, "discrete", self._quantizer.size + len(SPECIALS), (place_axis(c.longest),))
        self.unknown = self.space.size - 1

    def accepts(self, record: Structure) -> bool:
        """Whether any residue of a protein has a whole backbone."""
        return isinstance(record, Structure) and bool(record.backbone[1].any())

    def prepare_one(self, record: Structure) -> dict[str, np.ndarray]:
        """The arrays of all places of the one protein: `relative`, `step`, `target`, `weight`, and `used`, 1 or 0.

        Raises:
            TokenizerError: several proteins, or one that is too long.
        """
        structure = cast(Structure, record)
        found = self._seen(structure, the_protein(structure))
        if found.length > self.config.longest:
            raise TokenizerError(
                f"{self.name}: a protein of {found.length} places, {self.config.longest} at most. "
                "Choose a stretch of it, or raise `longest`."
            )
        return _laid_out(found, 0, found.length)

    def pieces(self, record: Record) -> Iterator[dict[str, np.ndarray]]:
        """Stretches of equal length of every protein chain; short ends without enough residues are left out."""
        structure = cast(Structure, self._checked(record))
        for chain in structure.polymers:
            if chain.kind == "protein":
                found = self._seen(structure, chain)
                for start in range(0, found.length, self.config.piece):
                    piece = _laid_out(found, start, self.config.piece)
                    if piece["used"].sum() >= min(FEWEST, max(len(found.place), 1)):
                        yield piece

    def positions(self, record: Structure) -> Float[Tensor, "L axes"]:
        """Places from 0."""
        structure = cast(Structure, record)
        return torch.arange(molecule_places(structure, the_protein(structure))[1], dtype=torch.float64)[:, None]

    def codes(self, prepared: Prepared) -> Int[Tensor, "B L"]:
        """The token ids of a batch; the last code where no residue is."""
        used = prepared["used"] > 0
        ids = torch.full(used.shape, self.unknown, device=used.device)
        ids[used] = self._quantizer(self._latent(prepared)[None]).indices[0]
        return ids

    def measured(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Atoms and crowding around each place, and 1 where they are known."""
        return prepared["target"], prepared["weight"]

    def reconstruct(self, prepared: Prepared) -> Reconstruction:
        """Encode, quantise and decode a batch; its chi-square is the mean squared error, of coordinates in Å²."""
        used = prepared["used"] > 0
        quantized = self._quantizer(self._latent(prepared)[None])
        laid = quantized.codes.new_zeros(*used.shape, quantized.codes.shape[-1])
        laid[used] = quantized.codes[0]
        value = self.decoder(laid, used).float()
        return Reconstruction(value, *self.measured(prepared), quantized.indices[0][:, None], quantized.loss)

    @torch.no_grad()
    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """The tokens of each record, one record at a time, so that company changes no code.

        Raises:
            TokenizerError: no Structure, or one that is too long.
            FoundationError: no protein, or several.
        """
        tokens = []
        for record in map(self._checked, records):
            rows = self.prepare_one(cast(Structure, record))
            ids = self.codes({k: torch.from_numpy(v)[None].to(self.device) for k, v in rows.items()})[0].cpu()
            place = torch.arange(len(ids), dtype=torch.float64)[:, None]
            tokens.append(Tokens.of_space(self.space, ids, place, self.config.track))
        return tokens

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """A chain of N, CA and C of each token set, its residues unknown (UNK) and numbered by place from 1.

        Places without a code of a residue are left out.

        Raises:
            TokenizerError: no code of a residue among them.
        """
        return [self._decode(self._check_tokens(t)) for t in tokens]

    def measures(self, records: Sequence[Record]) -> dict[str, float]:
        """How near decoded chains come to the records: see `structure_quality.measures`."""
        alone = [cast(Structure, r) for r in records if _alone(r)]
        return structure_quality.measures([(s, cast(Structure, self.decode(self.encode([s]))[0])) for s in alone])

    def _decode(self, tokens: Tokens) -> Structure:
        place = tokens.position[:, 0].long()
        known = tokens.ids < self._quantizer.size
        if not known.any():
            raise TokenizerError(f"{self.name}: none of {len(tokens)} tokens tells of a residue. Give others.")
        length = int(place[-1]) + 1
        used = torch.zeros(1, length, dtype=torch.bool, device=self.device)
        laid = torch.zeros(1, length, len(self.config.levels), device=self.device)
        used[0, place[known]] = True
        laid[0, place[known]] = self._quantizer.codes(tokens.ids[known][None].to(self.device))[0]
        around = self.decoder(laid, used)[used][:, :-CROWD].unflatten(1, (-1, ATOMS, 3))
        found = place[known].numpy()
        chain = assembled(around.cpu().double().numpy(), found)
        return single_protein(chain, BACKBONE, "X" * len(found), found + 1)

    def _seen(self, structure: Structure, chain: Chain) -> Neighbourhoods:
        return neighbourhoods(structure, chain, self.config.nearest, self.config.window)

    def _latent(self, prepared: Prepared) -> Float[Tensor, "m d"]:
        used: Bool[Tensor, "B L"] = prepared["used"] > 0
        return self.encoder(prepared["relative"][used], prepared["step"][used].long())


def _laid_out(found: Neighbourhoods, start: int, length: int) -> dict[str, np.ndarray]:
    """The residues of a stretch at their places."""
    inside = (found.place >= start) & (found.place < start + length)
    at = found.place[inside] - start
    rows = {"used": np.zeros(length, np.float32)}
    rows["used"][at] = 1
    for name in ("relative", "step", "target", "weight"):
        values = getattr(found, name)[inside]
        rows[name] = np.zeros((length, *values.shape[1:]), values.dtype)
        rows[name][at] = values
    return rows


def _alone(record: Record) -> bool:
    """Whether a structure has exactly one protein."""
    return isinstance(record, Structure) and sum(c.kind == "protein" for c in record.polymers) == 1
