"""Sampler: predicts what is asked from what is given, by replaying reveal steps with a trained model.

`complete` is any-to-any generation: what is known is given anew at each step, as in budget masking, or with `cached`
encoded once. `replay` follows the reveal steps of a policy exactly, so that its logits are those of one training pass
over the finished sample.
Each sample has its own seed, order and number of tokens a step; what else is in the batch does not matter.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.distributions import Categorical

from foundation.batch import TokenBatch, pack
from foundation.errors import FoundationError
from foundation.kernels.products import LaidOutProducts
from foundation.masking.policy import MaskingPolicy
from foundation.model.heads import Prediction
from foundation.model.over_tokens import OverTokens
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.cached import draw_cached
from foundation.sampling.choose import Choice
from foundation.sampling.draft import Draft, begun, generators, write
from foundation.sampling.guidance import Guidance, guided, passes_of, rows_of, without
from foundation.sampling.order import Schedule, tokens_per_step
from foundation.sampling.pathways import Pathways, check_trained, completion_pathways, reveal_pathways
from foundation.sampling.template import template
from foundation.tokens import Tokens, concatenate


class Sampler:
    """Draws from a trained model along the pathways it was trained for.

    Args:
        model: predicts; its spaces are those that can be given and asked.
        trained: the policy it was trained with, or the (given, asked) pairs of space names; others are refused.
        choice: how a value is chosen from a predicted distribution.
        tokens_per_batch: elements of one forward pass.
        allow_untrained: do not refuse.
        guidance: which given spaces move predictions more than they do by themselves; None = as predicted.
    """

    def __init__(
        self,
        model: OverTokens,
        trained: MaskingPolicy | Pathways,
        choice: Choice | None = None,
        tokens_per_batch: int = 16384,
        allow_untrained: bool = False,
        guidance: Guidance | None = None,
    ) -> None:
        self.model, self.choice, self.tokens_per_batch = model, choice or Choice(), tokens_per_batch
        self.guidance = guidance
        names = [s.name for s in model.spaces]
        self.pathways = trained.support(names) if isinstance(trained, MaskingPolicy) else trained
        self.stepwise = isinstance(trained, MaskingPolicy) and trained.stepwise
        self.allow_untrained = allow_untrained

    def complete(
        self,
        given: Sequence[Tokens],
        asked: Sequence[str] | Sequence[Tokens],
        *,
        steps: int = 1,
        seed: int | Sequence[int] = 0,
        order: Literal["random", "confidence"] = "random",
        schedule: Schedule = "cosine",
        allowed: Mapping[str, Bool[Tensor, "size"]] | None = None,
        cached: bool = False,
    ) -> list[Tokens]:
        """The asked tokens of each sample, with values drawn given its other tokens.

        Args:
            given: known tokens of each sample; may be none where that was trained.
            asked: names of the spaces to predict in all samples, or for each sample the tokens to predict (positions
                count, values do not).
            steps: passes of the model; tokens of one step are drawn independently of each other.
            seed: one for each sample, or the first of consecutive ones.
            order: which tokens come first: drawn at random (ROAR), or those the model is surest of (MaskGIT).
            schedule: how many tokens each step reveals.
            allowed: space name -> codes that may be chosen.
            cached: encode what is given once and show what is drawn to the decoder alone, as a model with
                `decoder_values` learns under a stepwise policy; several times as fast with many steps.

        Raises:
            FoundationError: an untrained pathway, an unknown space, a space that is both given and asked by name, or
                `cached` of a model that has not learned it, or by confidence.
        """
        if asked and isinstance(asked[0], Tokens) and len(asked) != len(given):
            raise FoundationError(f"{len(asked)} sets of tokens asked of {len(given)} samples. Give one for each.")
        templates = [self._template(asked, i, tokens) for i, tokens in enumerate(given)]
        for known, unknown in zip(given, templates, strict=True):
            self._check_pathways(known, unknown, steps)
            _check_at_once(unknown, self.model)
        if cached:
            self._check_cached(order)
        parts = zip(given, templates, generators(seed, len(given)), strict=True)
        drafts = [begun(k, u, steps, order, schedule, g) for k, u, g in parts]
        if cached:
            drafts = self._cached(drafts, allowed or {})
        elif order == "random":
            drafts = self._in_turn(drafts, _given_anew, allowed or {})
        else:
            drafts = self._surest_first(drafts, steps, schedule, allowed or {})
        return [d.tokens.select(torch.arange(len(k), len(d.tokens))) for k, d in zip(given, drafts, strict=True)]

    def replay(
        self,
        samples: Sequence[tuple[Tokens, Int[Tensor, "_"]]],
        *,
        seed: int | Sequence[int] = 0,
        allowed: Mapping[str, Bool[Tensor, "size"]] | None = None,
    ) -> list[Tokens]:
        """Each sample with the values at reveal steps 1, 2, ... replaced, step by step, by drawn ones.

        Raises:
            FoundationError: an untrained pathway.
        """
        for tokens, reveal in samples:
            self._refuse(reveal_pathways(tokens, reveal))
        drafts = [Draft(t, r, g) for (t, r), g in zip(samples, generators(seed, len(samples)), strict=True)]
        return [d.tokens for d in self._in_turn(drafts, _as_trained, allowed or {})]

    def posterior(self, given: Sequence[Tokens], space: str) -> Float[Tensor, "n size"]:
        """float64 probability of each code of a space of one token, such as a redshift, in one pass.

        Raises:
            FoundationError: an untrained pathway, or a space that is continuous or has several tokens.
        """
        unknown = self._template([space], 0, None)
        if len(unknown) != 1 or not unknown.spaces[0].discrete:
            raise FoundationError(
                f"{space} has {len(unknown)} tokens or no codes. Use `complete`, and draw several times."
            )
        drafts = []
        for tokens in given:
            self._check_given(tokens, (space,))
            self._check_pathways(tokens, unknown, 1)
            drafts.append(begun(tokens, unknown, 1, "confidence", "linear", Generator()))
        distributions = (p[space].distribution for _, _, p in self._passes(drafts))
        found = [d.logits.double().softmax(-1) for d in distributions if isinstance(d, Categorical)]
        return torch.cat(found).cpu() if found else torch.zeros(0, unknown.spaces[0].size, dtype=torch.float64)

    def _in_turn(
        self, drafts: list[Draft], view: Callable[[Tensor, int], Tensor], allowed: Mapping[str, Tensor]
    ) -> list[Draft]:
        """Draw step by step in the order of each draft's own reveal; `view` is what the model is shown of it."""
        for step in range(1, 1 + max((int(d.reveal.max()) for d in drafts), default=0)):
            now = [i for i, d in enumerate(drafts) if (d.reveal == step).any()]
            shown = [
                replace(drafts[i], reveal=view(drafts[i].reveal, step), known=drafts[i].share_known(step)) for i in now
            ]
            for i, (tokens, _) in zip(now, self._fill(shown, allowed), strict=True):
                drafts[i] = replace(drafts[i], tokens=tokens)
        return drafts

    def _cached(self, drafts: list[Draft], allowed: Mapping[str, Tensor]) -> list[Draft]:
        """Draw step by step with kept keys and values."""
        done, model = [], cast(FoundationTransformer, self.model)
        for chunk in _chunks(drafts, self.tokens_per_batch):
            with _evaluating(model):
                done += draw_cached(model, chunk, self.choice, allowed, self.guidance)
        return done

    def _check_cached(self, order: str) -> None:
        if order != "random" or not isinstance(self.model, FoundationTransformer):
            raise FoundationError(
                f"Cached generation in {order} order by a {type(self.model).__name__}. "
                "It draws in random order, from a FoundationModel; leave `cached` out."
            )
        if not (self.stepwise or self.allow_untrained):
            raise FoundationError(
                "The model was not trained to read what it generated on the way. Train it with `policy: Stepwise`, "
                "leave `cached` out, or allow what was not trained (allow_untrained=True)."
            )

    def _surest_first(
        self, drafts: list[Draft], steps: int, schedule: Schedule, allowed: Mapping[str, Tensor]
    ) -> list[Draft]:
        """Draw all unknown tokens at each step, keep those of highest log-probability."""
        plans = [tokens_per_step(int((d.reveal == 1).sum()), steps, schedule) for d in drafts]
        for step in range(max(map(len, plans), default=0)):
            now = [i for i, plan in enumerate(plans) if step < len(plan)]
            known = [sum(plans[i][:step]) / sum(plans[i]) for i in now]
            filled = self._fill([replace(drafts[i], known=k) for i, k in zip(now, known, strict=True)], allowed)
            for i, (tokens, score) in zip(now, filled, strict=True):
                reveal = drafts[i].reveal.clone()
                reveal[torch.topk(score, plans[i][step]).indices] = 0
                drafts[i] = replace(drafts[i], tokens=tokens, reveal=reveal)
        return drafts

    def _fill(self, drafts: Sequence[Draft], allowed: Mapping[str, Tensor]) -> list[tuple[Tokens, Float[Tensor, "_"]]]:
        """Tokens with values drawn at the last reveal step, and the log-probabilities of these."""
        filled = []
        for chunk, batch, predictions in self._passes(drafts):
            filled += write(chunk, batch, predictions, self.choice, allowed)
        return filled

    def _passes(self, drafts: Sequence[Draft]) -> Iterator[tuple[list[Draft], TokenBatch, dict[str, Prediction]]]:
        """Batches of consecutive drafts, and what the model predicts at their last step, the same in all."""
        device = next(self.model.parameters()).device
        for chunk in _chunks(drafts, self.tokens_per_batch):
            batch = _last_queries(pack([(d.tokens, d.reveal) for d in chunk], self.model.spaces)).to(device)
            with _evaluating(self.model):
                predictions = self._predict(batch)
            yield chunk, batch, predictions

    def _predict(self, batch: TokenBatch) -> dict[str, Prediction]:
        if self.guidance is None:
            return self.model.predict(self.model(batch), batch)
        names, found = [s.name for s in self.model.spaces], []
        for weight, hidden in self.guidance.passes:
            seen = without(batch, [names.index(name) for name in hidden])
            found.append((weight, self.model.predict(self.model(seen), seen)))
        moved, rows = guided(found), batch.rows_by_space(batch.query_rows, len(names))
        return {name: Prediction(rows[names.index(name)], distribution) for name, distribution in moved.items()}

    def _check_pathways(self, given: Tokens, asked: Tokens, steps: int) -> None:
        """All that is predicted from what, with whatever guidance hides."""
        if self.guidance is not None:
            self.guidance.check(given, asked)
        for _, hidden in passes_of(self.guidance):
            shown = [given.of(name) for name in given.names() if name not in hidden]
            self._refuse(completion_pathways(given.select(torch.cat([*shown, asked.ids[:0]])), asked, steps))

    def _refuse(self, wanted: Pathways) -> None:
        if not self.allow_untrained:
            check_trained(wanted, self.pathways)

    def _template(self, asked: Sequence[str] | Sequence[Tokens], sample: int, given: Tokens | None) -> Tokens:
        explicit = [a for a in asked if isinstance(a, Tokens)]
        if explicit:
            return explicit[sample]
        names = [a for a in asked if isinstance(a, str)]
        known = {s.name: s for s in self.model.spaces}
        if not names or not set(names) <= set(known):
            raise FoundationError(f"Asked for {names}; the model predicts {', '.join(known)}. Ask for some of these.")
        if given is not None:
            self._check_given(given, names)
        return concatenate([template(known[name]) for name in names])

    def _check_given(self, given: Tokens, asked: Sequence[str]) -> None:
        if both := set(given.names()) & set(asked):
            raise FoundationError(f"{', '.join(sorted(both))} is both given and asked. Leave it out of what is given.")


def _check_at_once(unknown: Tokens, model: OverTokens) -> None:
    if text := model.sequential & set(unknown.names()):
        raise FoundationError(
            f"{', '.join(sorted(text))} is text, which this model asks token by token, and steps draw many at once. "
            "Give it, or ask for other spaces."
        )


def _as_trained(reveal: Int[Tensor, "L"], step: int) -> Int[Tensor, "L"]:
    """All steps up to this one, -1 after it: what is known keeps its code."""
    return torch.where(reveal <= step, reveal, -1)


def _given_anew(reveal: Int[Tensor, "L"], step: int) -> Int[Tensor, "L"]:
    """What is known before this step is context 0, what is asked at it 1, -1 after it."""
    return torch.where(reveal < step, reveal.clamp(max=0), torch.where(reveal == step, 1, -1))


def _last_queries(batch: TokenBatch) -> TokenBatch:
    """The batch without the queries of earlier steps, which nobody needs any more and nobody sees."""
    rows = torch.nonzero(~batch.is_query | (batch.code == batch.code[batch.query_rows].max())).flatten()
    return rows_of(batch, rows)


def _chunks(drafts: Sequence[Draft], elements: int) -> Iterator[list[Draft]]:
    """Consecutive drafts that fill a batch of so many elements, at least one each."""
    chunk, size = [], 0
    for draft in drafts:
        n = int((draft.reveal >= 0).sum())
        if chunk and size + n > elements:
            yield chunk
            chunk, size = [], 0
        chunk.append(draft)
        size += n
    if chunk:
        yield chunk


@contextmanager
def _evaluating(model: OverTokens) -> Iterator[None]:
    """Without gradients, and with the faster products that they would not have."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), LaidOutProducts():
            yield
    finally:
        model.train(training)
