"""StoredTokenizer: how every tokenizer is written, read strictly and fingerprinted; its weights are an nn.Module's."""

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from foundation.data.records import Record
from foundation.files import whole_directory
from foundation.tokenizers.base import Tokenizer, TokenizerError
from foundation.tokens import Tokens

CONFIG, WEIGHTS = "config.json", "model.safetensors"
AGAIN = "Train it again with `foundation tokenize train`, or give the directory of another."


class StoredTokenizer(nn.Module, Tokenizer):
    """A tokenizer built from a frozen dataclass and the name of its modality, with a state dict.

    Args:
        config: an instance of `config_class`.
        name: the modality, which is also the name of the space; codes do not depend on it.
    """

    kind: ClassVar[str]
    config_class: ClassVar[type]
    token_count: int | None = None  # of every record, or None if records differ in length

    def __init__(self, config: Any, name: str) -> None:  # noqa: ANN401 - the dataclass differs per class
        super().__init__()
        self.config = config
        self.name = name

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((t.device for t in self.state_dict().values()), torch.device("cpu"))

    def accepts(self, record: Record) -> bool:
        """Whether the record tells anything where this tokenizer looks; if not, it counts as absent."""
        return True

    def renamed(self, name: str) -> "StoredTokenizer":
        """A tokenizer of another modality with the same codes: two surveys may share one codec."""
        other = type(self)(self.config, name)
        other.load_state_dict(self.state_dict())
        return other.to(self.device).eval()

    def fingerprint(self) -> str:
        """Twelve hex digits of the hash of configuration and weights, whatever the modality is called."""
        digest = hashlib.sha256(json.dumps([self.kind, asdict(self.config)], sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def save_pretrained(self, path: Path) -> None:
        """Write config.json and model.safetensors; the directory appears only when complete."""
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}
        content = {"tokenizer": self.kind, "name": self.name, "config": asdict(self.config)}
        with whole_directory(path) as directory:
            (directory / CONFIG).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
            save_file(tensors, directory / WEIGHTS)

    @classmethod
    def from_pretrained(cls, path: Path) -> "StoredTokenizer":
        """Read a tokenizer directory.

        Raises:
            TokenizerError: a file is missing or damaged, or its configuration or tensors do not fit this class.
        """
        path = Path(path)
        content = read_config(path)
        if content["tokenizer"] != cls.kind:
            raise TokenizerError(
                f"{path}: holds a tokenizer of kind {content['tokenizer']!r}, not {cls.kind!r}. "
                "Read it with foundation.tokenizers.catalog.load_tokenizer."
            )
        tokenizer = cls(_config(cls.config_class, content["config"], path), content["name"])
        tokenizer._load(path / WEIGHTS)
        return tokenizer.eval()

    def _load(self, path: Path) -> None:
        try:
            self.load_state_dict(load_file(path), strict=True)
        except FileNotFoundError as error:
            raise TokenizerError(f"{path}: the file is missing. {AGAIN}") from error
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise TokenizerError(f"{path}: the weights do not fit the configuration ({reason}). {AGAIN}") from error

    def _check_tokens(self, tokens: Tokens) -> Tokens:
        """The tokens in order of position, if they are one record of this tokenizer."""
        if self.token_count is not None and len(tokens) != self.token_count:
            raise TokenizerError(
                f"{self.name}: {len(tokens)} tokens to decode, one record has {self.token_count}. Give them all."
            )
        if len(tokens) and not 0 <= int(tokens.ids.min()) <= int(tokens.ids.max()) < self.space.size:
            raise TokenizerError(
                f"{self.name}: token ids reach {int(tokens.ids.max())}, the codes are 0 to {self.space.size - 1}. "
                "Give tokens of this tokenizer."
            )
        order = torch.arange(len(tokens))
        for axis in reversed(range(len(self.space.axes))):
            order = order[torch.argsort(tokens.position[order, axis], stable=True)]
        return tokens.select(order)


def read_config(path: Path) -> dict[str, Any]:
    """The content of config.json: `tokenizer` (its kind), `name` (its modality) and `config`.

    Raises:
        TokenizerError: there is none, or it is not a tokenizer's.
    """
    file = Path(path) / CONFIG
    try:
        content = json.loads(file.read_text())
        return {key: content[key] for key in ("tokenizer", "name", "config")}
    except FileNotFoundError as error:
        raise TokenizerError(f"{file}: the file is missing, so this is no tokenizer directory. {AGAIN}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TokenizerError(f"{file}: this is not a tokenizer's configuration ({error!r}). {AGAIN}") from error


def _config(config_class: type, content: dict[str, Any], path: Path) -> Any:  # noqa: ANN401
    known = {f.name for f in fields(config_class)}
    if set(content) != known:
        odd = ", ".join(sorted(set(content) ^ known))
        raise TokenizerError(f"{path / CONFIG}: {odd} missing or unknown to {config_class.__name__}. {AGAIN}")
    return config_class(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})
