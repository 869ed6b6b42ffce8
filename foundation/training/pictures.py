"""Pictures during training: held-out samples with one modality left out and completed, beside what it was."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundation.figures.canvas import bare, canvas
from foundation.figures.objects import draw
from foundation.files import whole_file
from foundation.masking.policy import MaskingPolicy
from foundation.model.over_tokens import OverTokens
from foundation.sampling.sampler import Sampler
from foundation.tokens import Tokens
from foundation.training.module import PretrainingModule

if TYPE_CHECKING:
    from foundation.tokenizers.bundle import TokenizerBundle

STEPS = 4  # of a completion; enough to see whether tokens agree with each other


class SamplePictures(Callback):
    """After each validation, writes `step=N.png`, a row for each sample and a column for each of its modalities.

    Args:
        samples: tokens of held-out samples.
        policy: what the model is trained for; only trained pathways are shown.
        tokenizers: turn tokens back into records.
        directory: where to write.
    """

    def __init__(
        self, samples: Sequence[Tokens], policy: MaskingPolicy, tokenizers: "TokenizerBundle", directory: Path
    ) -> None:
        self.samples, self.policy, self.tokenizers, self.directory = list(samples), policy, tokenizers, directory

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, pl_module: PretrainingModule) -> None:
        """Complete, draw, and hand the figure to TensorBoard too."""
        step = trainer.global_step
        figure = self.draw(pl_module.model)
        with whole_file(self.directory / f"step={step}.png") as path:
            figure.savefig(path, format="png", dpi=100)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_figure("completions", figure, step, close=False)

    def draw(self, model: OverTokens) -> Figure:
        """The figure for the weights as they are: what a record's tokens hold, and its completion from the rest."""
        names = [s.name for s in model.spaces if any(len(t.of(s.name)) for t in self.samples)]
        columns = 2 * len(names)
        figure, axes = canvas(1.6 * columns, 1.6 * len(self.samples), len(self.samples), columns)
        for i, tokens in enumerate(self.samples):
            for j, name in enumerate(names):
                pair = axes[i * columns + 2 * j :][:2]
                for a, title in zip(pair, (name, "completed"), strict=True):
                    bare(a, title if i == 0 else "")
                self._complete(pair, model, tokens, name)
        return figure

    def _complete(self, pair: list[Axes], model: OverTokens, tokens: Tokens, name: str) -> None:
        trained = self.policy.support([s.name for s in model.spaces])
        sources = [other for other in tokens.names() if other != name and (other, name) in trained]
        if name not in tokens.names() or not sources:
            return
        given = tokens.select(torch.cat([tokens.of(other) for other in sources]))
        truth = tokens.select(tokens.of(name))
        steps = STEPS if (name, name) in trained else 1
        found = Sampler(model, self.policy).complete([given], [truth], steps=steps)[0]
        for axes, shown in zip(pair, (truth, found), strict=True):
            draw(axes, self.tokenizers.decode(shown)[name])
