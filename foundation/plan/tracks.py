"""The `plan` verb for models of tracks: what `foundation train tracks` would take; counted in its token shards."""

from functools import partial
from typing import Any

from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.plan.command import verb
from foundation.plan.tokens import job
from foundation.tokens import Space
from foundation.training.tracks.module import TrackModule
from foundation.training.tracks.train import train


def _build(options: dict[str, Any], spaces: tuple[Space, ...], model: TrackConfig) -> TrackModule:
    return TrackModule(TrackTransformer(model, spaces), options["optim"], options["trainer"].max_steps)


plan = verb(train, partial(job, build=_build))
