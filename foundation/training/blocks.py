"""What is done block by block: recomputing instead of keeping, compiling, dealing weights out."""

from collections.abc import Iterator

from torch import nn

from foundation.model.fields.recompute import recomputed


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a model: the entries of its lists of modules; lists inside of blocks do not count."""
    for child in model.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield from blocks(child)


def recompute(block: nn.Module) -> None:
    """Let the block keep its inputs alone, and compute the rest again in the backward pass."""
    kind = type(block)

    class Recomputed(kind):
        def forward(self, *inputs: object) -> object:
            return recomputed(super().forward, *inputs)

    Recomputed.__name__, Recomputed.__qualname__ = kind.__name__, kind.__qualname__
    block.__class__ = Recomputed
