"""TakesSamples: what models over tokens do with records and tokens: tokenise, and encode with frozen weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import torch

from foundation.data.records import Record
from foundation.errors import FoundationError
from foundation.model.encoding import Features, Pool, encode_tokens
from foundation.model.over_tokens import OverTokens
from foundation.progress import track
from foundation.tokens import Space, Tokens

SAMPLES_PER_CALL = 64  # tokenised together; bounds the memory of image tokenizers


@runtime_checkable
class Tokenizers(Protocol):
    """What the model asks of a bundle of tokenizers (foundation.tokenizers.bundle.TokenizerBundle)."""

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The space of each modality, called as the modality."""
        ...

    def encode(self, samples: Sequence[Mapping[str, Record]], modalities: Sequence[str] | None = None) -> list[Tokens]:
        """The tokens of each sample."""
        ...

    def decode(self, tokens: Tokens) -> dict[str, Record]:
        """The records that tokens stand for."""
        ...

    def fingerprint(self) -> str:
        """Hash of configuration and weights."""
        ...

    def save_pretrained(self, path: Path) -> None:
        """Write the tokenizers into a directory."""
        ...


class TakesSamples:
    """Beside a model over tokens that has `spaces` and `features`; `hold` gives it its tokenizers."""

    spaces: tuple[Space, ...]
    tokenizers: Tokenizers | None

    def hold(self, tokenizers: Tokenizers | None) -> None:
        """Use these tokenizers from now on.

        Raises:
            FoundationError: a tokenizer makes other tokens than the space of its name takes.
        """
        self.__dict__["tokenizers"] = tokenizers  # not a submodule: its weights are files of their own
        known = {s.name: s for s in self.spaces}
        for space in tokenizers.spaces if tokenizers else ():
            expected = known.get(space.name, space)
            if (space.kind, space.size) != (expected.kind, expected.size):
                raise FoundationError(
                    f"The tokenizer of {space.name!r} makes {space.kind} tokens of size {space.size}, the model takes "
                    f"{expected.kind} ones of size {expected.size}. Use the tokenizers the model was trained with."
                )

    def encode(
        self,
        samples: Sequence[Mapping[str, Record] | Tokens],
        layer: int | None = None,
        pool: Pool = "mean",
        tokens_per_batch: int = 16384,
        modalities: Sequence[str] | None = None,
    ) -> Features:
        """Frozen-encoder features of samples, in their order; run under torch.autocast for bfloat16.

        Args:
            samples: records by modality (a Sample is such a mapping), or tokens.
            layer: states after this many encoder blocks, 0 = embeddings; None = after the final norm.
            pool: "mean" over a sample's tokens, "spaces" = mean over each space apart, "none" = every token.
            tokens_per_batch: what is computed at a time; the result does not depend on it.
            modalities: use these only; None = all that the model and a sample have in common.

        Raises:
            FoundationError: a modality the model does not have, a sample that has none of them, records without
                tokenizers, or no such layer.
        """
        tokens = self.tokenise(samples, modalities)
        return encode_tokens(cast(OverTokens, self), tokens, layer, pool, tokens_per_batch)

    def tokenise(
        self, samples: Sequence[Mapping[str, Record] | Tokens], modalities: Sequence[str] | None = None
    ) -> list[Tokens]:
        """The tokens of each sample, of these modalities only; raises as `encode` does."""
        wanted = self._wanted(modalities)
        chunks = [samples[i : i + SAMPLES_PER_CALL] for i in range(0, len(samples), SAMPLES_PER_CALL)]
        tokens: list[Tokens] = []
        for chunk in track(chunks, "tokenise") if len(chunks) > SAMPLES_PER_CALL else chunks:
            records = [(i, sample) for i, sample in enumerate(chunk) if not isinstance(sample, Tokens)]
            for i, sample in records:
                _check_sample(sample, wanted, len(tokens) + i)
            made = iter(self._bundle().encode([sample for _, sample in records], wanted) if records else ())
            tokens += [_only(s, modalities) if isinstance(s, Tokens) else next(made) for s in chunk]
        return tokens

    def _wanted(self, modalities: Sequence[str] | None) -> list[str]:
        names = [s.name for s in self.spaces]
        unknown = [m for m in modalities or () if m not in names]
        if unknown:
            raise FoundationError(f"The model has no modality {', '.join(unknown)}; it has {', '.join(names)}.")
        return names if modalities is None else list(modalities)

    def _bundle(self) -> Tokenizers:
        if self.tokenizers is None:
            raise FoundationError("This model was made without tokenizers, so it takes Tokens, not records.")
        return self.tokenizers


def stored_tokenizers(path: Path, fingerprint: str | None) -> Tokenizers | None:
    """The tokenizers beside a stored model, which was trained with those of this fingerprint; None = without any.

    Raises:
        FoundationError: they are missing, or others.
    """
    if fingerprint is None:
        return None
    from foundation.tokenizers.bundle import TokenizerBundle  # quantisers are imported only where needed

    bundle = TokenizerBundle.from_pretrained(path / "tokenizers")
    if bundle.fingerprint() != fingerprint:
        raise FoundationError(
            f"{path / 'tokenizers'} has fingerprint {bundle.fingerprint()}, the model was trained with {fingerprint}. "
            "Put back the tokenizers it was exported with, or train it again on these."
        )
    return bundle


def _check_sample(sample: Mapping[str, Record], wanted: Sequence[str], index: int) -> None:
    if not set(wanted) & set(sample):
        name = getattr(sample, "key", index)
        raise FoundationError(
            f"Sample {name} has {', '.join(sample) or 'no record'}, and the model was asked for {', '.join(wanted)}. "
            "Leave it out, or give other modalities."
        )


def _only(tokens: Tokens, modalities: Sequence[str] | None) -> Tokens:
    """The tokens of these modalities."""
    if modalities is None:
        return tokens
    return tokens.select(torch.cat([tokens.of(m) for m in modalities]).sort().values)
