"""FoundationModel: the transformer with its tokenizers, as users load, run and share it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from huggingface_hub import PyTorchModelHubMixin

from foundation.config import ModelConfig
from foundation.data.records import Record
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.model.encoding import Features, Pool, encode_tokens
from foundation.model.homes import OURS, home, read_at
from foundation.model.stored import locate, read_model, read_weights, write_model
from foundation.model.transformer import FoundationTransformer
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


class FoundationModel(FoundationTransformer, PyTorchModelHubMixin):
    """A transformer and the tokenizers it was trained with.

    Args:
        config: sizes and parts.
        spaces: what tokens it takes and predicts.
        tokenizers: needed to encode records; tokens can be encoded without.

    Raises:
        FoundationError: a tokenizer makes other tokens than the space of its name takes.
    """

    tokenizers: Tokenizers | None

    def __init__(self, config: ModelConfig, spaces: Sequence[Space], tokenizers: Tokenizers | None = None) -> None:
        super().__init__(config, spaces)
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
        return encode_tokens(self, tokens, layer, pool, tokens_per_batch)

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

    def save_pretrained(self, save_directory: str | Path, **options: object) -> str | None:
        """Write config.json, model.safetensors, README.md and tokenizers/; the options are the hub mixin's.

        Raises:
            FoundationError: the directory exists and holds something that is not a model, or the disk is full.
        """
        path = Path(save_directory)
        if path.exists() and not (path / "config.json").is_file() and any(path.iterdir()):
            raise FoundationError(f"{path} exists and holds no model. Give a new directory, so that nothing is lost.")
        with whole_directory(path) as temporary:
            return super().save_pretrained(temporary, **{"repo_id": path.name, **options})

    def _save_pretrained(self, save_directory: Path) -> None:
        fingerprint = self.tokenizers.fingerprint() if self.tokenizers else None
        write_model(self, fingerprint, save_directory)
        if self.tokenizers:
            self.tokenizers.save_pretrained(save_directory / "tokenizers")

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "cpu", **options: object) -> Any:  # noqa: ANN401
        """The model in a directory, or on the Hugging Face hub, in evaluation mode.

        Where the directory holds a model of another system, that is returned: a FieldModel (also for Walrus's own
        layout), a FieldUNet or an AnchoredModel. `of_tokens` refuses those.

        Args:
            name: a directory that `save_pretrained` wrote, a directory or file in Walrus's layout, or a hub name such
                as "someone/model".
            device: where to put the weights.
            options: of the download (revision, token, cache_dir, force_download, local_files_only).

        Raises:
            FoundationError: nothing there, a file that is missing, damaged or of another version, tensors missing or
                left over, or tokenizers other than those the model was trained with.
        """
        where = home(name, **options)
        return cls.of_tokens(name, device, **options) if where == OURS else read_at(where, name, device)

    @classmethod
    def of_tokens(cls, name: str | Path, device: str = "cpu", **options: object) -> "FoundationModel":
        """As `from_pretrained`, for those who need a transformer over tokens.

        Raises:
            FoundationError: as there, or the directory holds a model of another system.
        """
        if (found := home(name, **options)) != OURS:
            raise FoundationError(
                f"{name} holds a {found.partition(':')[2]}, and tokens want a FoundationModel. Give another directory, "
                "or the verb of that model; `foundation --help` lists them."
            )
        path = locate(name, **options)
        config, spaces, fingerprint = read_model(path)
        tokenizers = None
        if fingerprint is not None:
            from foundation.tokenizers.bundle import TokenizerBundle  # quantisers are imported only where needed

            tokenizers = TokenizerBundle.from_pretrained(path / "tokenizers")
            if tokenizers.fingerprint() != fingerprint:
                raise FoundationError(
                    f"{path / 'tokenizers'} has fingerprint {tokenizers.fingerprint()}, the model was trained with "
                    f"{fingerprint}. Put back the tokenizers it was exported with, or train it again on these."
                )
        model = cls(config, spaces, tokenizers)
        read_weights(model, path)
        return model.to(device).eval()


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
