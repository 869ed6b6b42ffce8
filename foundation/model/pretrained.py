"""FoundationModel: the transformer with its tokenizers, as users load, run and share it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin

from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.interop.aion_files import is_aion, read_aion, released_tokenizers
from foundation.model.homes import OURS, TRACKS, home, read_at
from foundation.model.samples import TakesSamples, Tokenizers, stored_tokenizers
from foundation.model.stored import locate, read_model, read_weights, write_model
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space


class FoundationModel(TakesSamples, FoundationTransformer, PyTorchModelHubMixin):
    """A transformer and the tokenizers it was trained with.

    Args:
        config: sizes and parts.
        spaces: what tokens it takes and predicts.
        tokenizers: needed to encode records; tokens can be encoded without.

    Raises:
        FoundationError: a tokenizer makes other tokens than the space of its name takes.
    """

    def __init__(self, config: ModelConfig, spaces: Sequence[Space], tokenizers: Tokenizers | None = None) -> None:
        super().__init__(config, spaces)
        self.hold(tokenizers)

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
    def from_pretrained(
        cls,
        name: str | Path,
        device: str = "cpu",
        released_behaviour: bool = False,
        codecs: str | Path | None = None,
        **options: object,
    ) -> Any:  # noqa: ANN401
        """The model in a directory, or on the Hugging Face hub, in evaluation mode.

        Where the directory holds a model of another system, that is returned: a FieldModel (also for Walrus's own
        layout), a FieldUNet, an AnchoredModel, a SpectralModel or a TrackModel (also for MIMIC's). `of_tokens` refuses
        those that take no tokens. AION-1's layout gives a FoundationModel whose spaces are its token keys
        (`foundation.interop.aion_keys`).

        Args:
            name: a directory that `save_pretrained` wrote, a directory or file in Walrus's layout, a directory in
                AION-1's, or a hub name such as "polymathic-ai/aion-base".
            device: where to put the weights.
            released_behaviour: of AION-1, compute what its released code computes, down to the mean over all queries
                where its decoder should attend, and return the decoder's context as embeddings. Only to reproduce
                published numbers.
            codecs: of AION-1, where its codecs/ are, if not beside the model: the larger sizes take those of the base.
            options: of the download (revision, token, cache_dir, force_download, local_files_only).

        Raises:
            FoundationError: nothing there, a file that is missing, damaged or of another version, tensors missing or
                left over, or tokenizers other than those the model was trained with.
        """
        where = home(name, **options)
        if where == OURS:
            return cls.of_tokens(name, device, released_behaviour, codecs, **options)
        _only_aion(name, released_behaviour)
        return read_at(where, name, device)

    @classmethod
    def of_tokens(
        cls,
        name: str | Path,
        device: str = "cpu",
        released_behaviour: bool = False,
        codecs: str | Path | None = None,
        **options: object,
    ) -> Any:  # noqa: ANN401
        """As `from_pretrained`, for those who need a transformer over tokens: a FoundationModel or a TrackModel.

        Raises:
            FoundationError: as there, or the directory holds a model of another system.
        """
        found = home(name, **options)
        if found == TRACKS:
            return read_at(found, name, device)
        if found != OURS:
            raise FoundationError(
                f"{name} holds a {found.partition(':')[2]}, and tokens want a FoundationModel. Give another directory, "
                "or the verb of that model; `foundation --help` lists them."
            )
        path = locate(name, **options)
        if is_aion(path):
            model = read_aion(path, cls, released_behaviour)
            model.hold(released_tokenizers(path if codecs is None else locate(codecs, **options), model.spaces))
            return model.to(device)
        _only_aion(name, released_behaviour)
        config, spaces, fingerprint = read_model(path)
        model = cls(config, spaces, stored_tokenizers(path, fingerprint))
        read_weights(model, path)
        return model.to(device).eval()


def _only_aion(name: str | Path, released_behaviour: bool) -> None:
    if released_behaviour:
        raise FoundationError(f"{name} is not in AION-1's layout, so released_behaviour says nothing. Leave it out.")
