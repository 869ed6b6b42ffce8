"""Configuration: frozen dataclasses that are at once constructor arguments, YAML keys and command-line options."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ModelConfig:
    """Size and parts of the transformer. The defaults are AION-1 base (arXiv:2510.17960, section 3.1 sizes).

    Args:
        width: model width D.
        depth: blocks of the encoder, or of the single stack if `decoder_depth` is 0.
        decoder_depth: blocks of a separate decoder in which the queries live; 0 = queries enter the single stack.
        heads: attention heads; the head width is width / heads.
        mlp_ratio: hidden width of the gated MLP is floor(2 / 3 * mlp_ratio * width).
        position: how physical positions enter: fixed sinusoids, learned tables, rotary in attention, or not at all;
            "grid" is the fixed sinusoids of AION-1's release, which count the points of a grid.
        qk_norm: normalise queries and keys per head.
        norm: layer norm without bias, or root-mean-square norm.
        queries_see: in a decoder, the queries of a step see each other, only those of their own space (4M's training),
            or the plain mean of all (AION-1's released inference).
        decoder_values: in a decoder, tokens revealed on the way are rows of it, with tables of values of their own,
            instead of the encoder's; what was given is then encoded once for all steps.
        features: what `encode` returns: states of the encoder, or as the decoder sees them (AION-1's embeddings).
    """

    width: int = 768
    depth: int = 12
    decoder_depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    position: Literal["sinusoidal", "learned", "rotary", "grid", "none"] = "sinusoidal"
    qk_norm: bool = True
    norm: Literal["layer", "rms"] = "layer"
    queries_see: Literal["all", "space", "mean"] = "all"
    decoder_values: bool = False
    features: Literal["encoder", "context"] = "encoder"


@dataclass(frozen=True)
class DataConfig:
    """Where the token shards are and how they become batches.

    Args:
        train: directory of token shards or its URL (https://, s3://, ...), or several that are one data set.
        validation: likewise, or None.
        modalities: the spaces to train on; empty = all in the shards.
        tokens_per_batch: budget of elements (content and queries) of one rank's micro-batch.
        window: samples shuffled and packed together.
        workers: loader processes of each rank; the sample order does not depend on it.
        unreadable: share of the members of the training shards that may turn out unreadable; they are skipped, counted
            and reported, more end the run.
        cache: directory for what is read from URLs; None = ~/.cache/foundation/shards.
    """

    train: str | Path | tuple[str | Path, ...]
    validation: str | Path | tuple[str | Path, ...] | None = None
    modalities: tuple[str, ...] = ()
    tokens_per_batch: int = 16384
    window: int = 512
    workers: int = 2
    unreadable: float = 0.001
    cache: Path | None = None


@dataclass(frozen=True)
class OptimConfig:
    """The optimiser and its schedule; the defaults are AION-1's (arXiv:2510.17960, section 4).

    Args:
        kind: "muon" = Muon for the matrices inside of blocks, AdamW for the rest, at one rate.
        schedule: "cosine" decays after the warm-up; "wsd" holds, then decays linearly over `decay_fraction` of the run.
        space_weight: weight of the loss of a space; spaces not named weigh 1.
        rare_codes: spaces whose codes weigh by one over the root of how frequent they are in the training data; the
            loss of training is then this one, that of validation is not weighed. Predictions are of the data as they
            are.
        balance: "space" = mean over spaces of their mean loss; "token" = mean over all targets.
        ema_decay: of an exponential moving average of the weights; 0 = none.
        tuned_width: width of the model that `peak_rate` was found for; the rate of maps whose input grows with the
            width is then divided by the growth, as in muP (arXiv:2203.03466). 0 = one rate for all.
        rate_of: factor on the rate of parameters whose names begin so, the longest beginning counts; 0 = frozen. For
            finetuning: `{blocks: 0.3, blocks.0.: 0}`.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    peak_rate: float = 2e-4
    final_rate: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    warmup_fraction: float = 0.1
    schedule: Literal["cosine", "wsd"] = "cosine"
    decay_fraction: float = 0.2
    clip_norm: float = 1.0
    balance: Literal["space", "token"] = "space"
    space_weight: dict[str, float] = field(default_factory=dict)
    rare_codes: tuple[str, ...] = ()
    ema_decay: float = 0.0
    tuned_width: int = 0
    rate_of: dict[str, float] = field(default_factory=dict)
