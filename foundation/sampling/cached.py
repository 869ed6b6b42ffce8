"""Cached generation: what was given is encoded once, what is drawn enters the decoder only, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from jaxtyping import Bool
from torch import Tensor

from foundation.batch import TokenBatch, pack
from foundation.model.heads import Prediction
from foundation.model.steps import StepDecoder
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.choose import Choice
from foundation.sampling.draft import Draft, write
from foundation.sampling.guidance import Guidance, guided, passes_of, rows_of, without


def draw_cached(
    model: FoundationTransformer,
    drafts: Sequence[Draft],
    choice: Choice,
    allowed: Mapping[str, Bool[Tensor, "size"]],
    guidance: Guidance | None = None,
) -> list[Draft]:
    """The drafts with values drawn at reveal steps 1, 2, ..., each given all steps before, as in one training pass.

    Raises:
        FoundationError: a model whose encoder reads what was generated.
    """
    drafts = list(drafts)
    passes = passes_of(guidance)
    whole = _packed(drafts, model)
    hidden = [[i for i, s in enumerate(model.spaces) if s.name in names] for _, names in passes]
    decoders = [StepDecoder(model, without(whole, spaces)) for spaces in hidden]
    for step in range(1, 1 + max((int(d.reveal.max()) for d in drafts), default=0)):
        now = _packed(drafts, model)
        seen = [_predicted(d, without(now, spaces), step) for d, spaces in zip(decoders, hidden, strict=True)]
        asked, predictions = seen[0]
        if guidance:
            moved = guided([(weight, p) for (weight, _), (_, p) in zip(passes, seen, strict=True)])
            predictions = {n: Prediction(predictions[n].rows, d) for n, d in moved.items()}
        shown = [replace(d, known=d.share_known(step)) for d in drafts]
        written = write(shown, asked, predictions, choice, allowed)
        drafts = [replace(d, tokens=tokens) for d, (tokens, _) in zip(drafts, written, strict=True)]
    return drafts


def _packed(drafts: Sequence[Draft], model: FoundationTransformer) -> TokenBatch:
    """All steps of the drafts, of which some still lack their values."""
    batch = pack([(d.tokens, d.reveal) for d in drafts], model.spaces)
    return batch.to(next(model.parameters()).device)


def _predicted(decoder: StepDecoder, batch: TokenBatch, step: int) -> tuple[TokenBatch, dict[str, Prediction]]:
    """The queries of a step, as a batch of their own, and what the model expects there."""
    rows, states = decoder.step(batch, step)
    asked = rows_of(batch, rows)
    return asked, decoder.model.predict(states, asked)
