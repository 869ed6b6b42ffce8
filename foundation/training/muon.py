"""Muon for the matrices inside of blocks, AdamW for all other weights, as one optimiser with one rate.

Muon (K. Jordan et al. 2024, kellerjordan.github.io/posts/muon) steps along the orthogonalised momentum of a matrix;
torch.optim.Muon, with steps scaled to the size of AdamW's (arXiv:2502.16982), so that a rate means the same to both.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from foundation.errors import FoundationError
from foundation.training.blocks import blocks


class MuonAndAdamW(Optimizer):
    """Both, on groups of their own, behind one state.

    Args:
        groups: of parameters with "lr" and "weight_decay"; those with "muon" = True hold matrices only.
        betas: of AdamW.

    Raises:
        FoundationError: this PyTorch has no Muon.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]], betas: tuple[float, float]) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise FoundationError(f"PyTorch {torch.__version__} has no Muon. Install 2.9 or newer, or take adamw.")
        matrices, others = ([dict(g) for g in groups if g["muon"] == is_muon] for is_muon in (True, False))
        self.parts: list[Optimizer] = []
        if matrices:
            self.parts.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw"))
        if others:
            self.parts.append(AdamW(others, betas=betas))
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let both parts work on the groups and states of the whole."""
        first = 0
        for part in self.parts:
            count = len(part.param_groups)
            part.param_groups, part.state = self.param_groups[first : first + count], self.state
            first += count

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401 - whatever the closure gives
        """One step of each."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss


def with_muon(groups: Sequence[dict[str, Any]], model: nn.Module) -> list[dict[str, Any]]:
    """The groups, with the matrices inside of blocks apart."""
    inside = {id(p) for block in blocks(model) for p in block.parameters() if p.ndim == 2}
    parted = []
    for group in groups:
        for is_muon in (True, False):
            chosen = [p for p in group["params"] if (id(p) in inside) == is_muon]
            parted += [{**group, "params": chosen, "muon": is_muon}] if chosen else []
    return parted
