"""TokenizerBundle: the tokenizers of all modalities as one object, from samples to tokens and back."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from foundation.data.records import Record
from foundation.files import whole_directory
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.catalog import load_tokenizer
from foundation.tokenizers.stored import CONFIG, StoredTokenizer
from foundation.tokens import Space, Tokens, concatenate


class TokenizerBundle:
    """Tokenizers by modality; each writes tokens of the space named like its modality.

    Args:
        tokenizers: modality -> tokenizer.

    Raises:
        TokenizerError: a tokenizer stands under another name than its own.
    """

    def __init__(self, tokenizers: Mapping[str, StoredTokenizer]) -> None:
        wrong = [m for m, t in tokenizers.items() if t.space.name != m]
        if wrong or not tokenizers:
            names = ", ".join(f"{m!r}: {tokenizers[m].space.name!r}" for m in wrong) or "none given"
            raise TokenizerError(f"tokenizers by modality, modality: space = {names}. Use tokenizer.renamed(modality).")
        self.tokenizers = dict(tokenizers)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces of all tokenizers, in order."""
        return tuple(t.space for t in self.tokenizers.values())

    def accepts(self, sample: Mapping[str, Record]) -> bool:
        """Whether there is anything to tokenise in a sample."""
        return any(m in sample and t.accepts(sample[m]) for m, t in self.tokenizers.items())

    def encode(self, samples: Sequence[Mapping[str, Record]], modalities: Sequence[str] | None = None) -> list[Tokens]:
        """The tokens of each sample.

        Modalities that a sample lacks, that have no usable pixel, or that the bundle does not know are left out.

        Args:
            samples: modality -> record each.
            modalities: use only these; all if None.

        Raises:
            FoundationError: a sample has nothing that can be tokenised, or a tokenizer refuses a record.
        """
        parts: list[list[Tokens]] = [[] for _ in samples]
        for modality, tokenizer in self.tokenizers.items():
            if modalities is not None and modality not in modalities:
                continue
            having = [i for i, s in enumerate(samples) if modality in s and tokenizer.accepts(s[modality])]
            if having:
                for i, tokens in zip(having, tokenizer.encode([samples[i][modality] for i in having]), strict=True):
                    parts[i].append(tokens)
        return [concatenate(p) for p in parts]

    def decode(self, tokens: Tokens) -> dict[str, Record]:
        """The records of the modalities whose tokens are all there.

        Raises:
            TokenizerError: tokens of a space that the bundle does not know, or not all tokens of a record.
        """
        unknown = [n for n in tokens.names() if n not in self.tokenizers]
        if unknown:
            raise TokenizerError(f"no tokenizer for {', '.join(unknown)}; there are {', '.join(self.tokenizers)}.")
        return {n: self.tokenizers[n].decode([tokens.select(tokens.of(n))])[0] for n in tokens.names()}

    def fingerprint(self) -> str:
        """Twelve hex digits of the hash of all modalities and their tokenizers' fingerprints."""
        lines = sorted(f"{m} {t.fingerprint()}" for m, t in self.tokenizers.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    def to(self, device: torch.device | str) -> "TokenizerBundle":
        """The same bundle with its weights on a device; records and tokens stay on the CPU."""
        for tokenizer in self.tokenizers.values():
            tokenizer.to(device)
        return self

    def save_pretrained(self, path: Path) -> None:
        """Write one directory per modality into the directory `path`."""
        with whole_directory(path) as directory:
            for modality, tokenizer in self.tokenizers.items():
                tokenizer.save_pretrained(directory / modality)

    @classmethod
    def from_pretrained(cls, path: Path) -> "TokenizerBundle":
        """Read every tokenizer directory in `path`.

        Raises:
            TokenizerError: there is none, or one is damaged.
        """
        path = Path(path)
        found = sorted(p.parent for p in path.glob(f"*/{CONFIG}") if not p.parent.name.startswith("."))
        if not found:
            raise TokenizerError(
                f"{path}: holds no tokenizer. Train some with `foundation tokenize train --out {path}`."
            )
        return cls({p.name: load_tokenizer(p) for p in found})
