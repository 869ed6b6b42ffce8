"""TrackConfig: sizes of the transformer whose aligned modalities are summed."""

from dataclasses import dataclass

from foundation.errors import FoundationError


@dataclass(frozen=True)
class TrackConfig:
    """The defaults are MIMIC 1.0 (arXiv:2604.24506): 566,447,616 parameters in the encoder, 453,133,824 in the decoder.

    Args:
        width: of a row.
        depth: blocks of the encoder.
        decoder_depth: blocks of the decoder.
        heads: of every attention.
        hidden: width of the feed-forward layers.
        registers: rows of no modality before each document, which gather what belongs to it as a whole.
        rotated: components of a head that are turned by the index in the track; even.
        base: longest period of the rotary code, in positions, over 2 pi.
        directional: share of the heads that look one way: half of them at what comes before, half at what comes after.
        text: spaces that are text: they share one table, are asked from left to right, each token after the one before.
        text_width: width of that table.
        drop: most of the share of rows hidden from the decoder in training, drawn uniformly from 0, so that registers
            are needed.
        local: first blocks of the encoder whose heads begin by looking at the rows right beside, one each, and those of
            the decoder at the same place of what is given; 0 = by chance, as published. Only the first weights differ:
            a small model that is trained for minutes else finds no motif (docs/genes.md).

    Raises:
        FoundationError: sizes that do not fit each other.
    """

    width: int = 1536
    depth: int = 20
    decoder_depth: int = 12
    heads: int = 24
    hidden: int = 6144
    registers: int = 5
    rotated: int = 48
    base: float = 10_000.0
    directional: float = 0.5
    text: tuple[str, ...] = ()
    text_width: int = 768
    drop: float = 0.1
    local: int = 0

    def __post_init__(self) -> None:
        least = min(self.depth, self.decoder_depth, self.hidden, self.text_width, self.registers)
        if least < 1 or self.heads < 1 or self.width % (2 * self.heads):
            raise FoundationError(
                f"width {self.width}, {self.heads} heads, depths {self.depth} and {self.decoder_depth}, hidden "
                f"{self.hidden}, text {self.text_width}, {self.registers} registers. "
                "Give 1 or more of each and a width divisible by twice the heads."
            )
        if not 0 <= self.rotated <= self.dim or self.rotated % 2 or self.base <= 1:
            raise FoundationError(
                f"rotated {self.rotated} of {self.dim} components, base {self.base}. "
                "Choose an even number up to the width of a head, and a base above 1."
            )
        if not 0 <= self.local <= self.depth or (self.local and not self.rotated):
            raise FoundationError(
                f"{self.local} local blocks of {self.depth}, rotated {self.rotated}. Give 0 to {self.depth}, and "
                "components that are rotated: without them heads cannot tell where a row is."
            )
        if not 0 <= self.directional <= 1 or not 0 <= self.drop < 1:
            raise FoundationError(f"directional {self.directional}, drop {self.drop}. Both are shares from 0 to 1.")

    @property
    def dim(self) -> int:
        """Width of a head."""
        return self.width // self.heads

    @property
    def each_way(self) -> int:
        """Heads that look before, and as many that look after; the first of all heads, in this order."""
        return int(self.heads * self.directional * 0.5)
