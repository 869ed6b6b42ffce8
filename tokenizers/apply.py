"""The `tokenize apply` verb: record shards in, token shards out, with the labels of every object."""

import sys
from collections.abc import Iterator
from pathlib import Path

from foundation.data.records import Sample
from foundation.data.shards import RecordShards, TokenSample, write_tokens
from foundation.tokenizers.bundle import TokenizerBundle


def apply(records: Path, *, tokenizers: Path, out: Path, batch: int = 256) -> None:
    """Turn record shards into token shards.

    Keys, order and labels are kept. A modality without a tokenizer or without a usable pixel is left out, and so is a
    sample that has nothing else.

    Example:
        foundation tokenize apply records/train --tokenizers tokenizers --out tokens/train

    Args:
        records: directory of record shards.
        tokenizers: directory of tokenizers, one directory per modality, as `foundation tokenize train` writes.
        out: directory of the token shards.
        batch: samples tokenised at once.

    Raises:
        FoundationError: a directory does not hold what it should, or a record does not fit its tokenizer.
    """
    shards = RecordShards(records)
    bundle = TokenizerBundle.from_pretrained(tokenizers)
    skipped: list[str] = []
    write_tokens(_tokenise(shards, bundle, batch, skipped), out, bundle.spaces, bundle.fingerprint(), total=len(shards))
    if skipped:
        print(f"left out {len(skipped)} samples without anything to tokenise, such as {skipped[0]}", file=sys.stderr)


def _tokenise(shards: RecordShards, bundle: TokenizerBundle, batch: int, skipped: list[str]) -> Iterator[TokenSample]:
    waiting: list[Sample] = []
    for sample in shards:
        if not bundle.accepts(sample):
            skipped.append(sample.key)
            continue
        waiting.append(sample)
        if len(waiting) == batch:
            yield from _encode(waiting, bundle)
            waiting = []
    if waiting:
        yield from _encode(waiting, bundle)


def _encode(samples: list[Sample], bundle: TokenizerBundle) -> Iterator[TokenSample]:
    for sample, tokens in zip(samples, bundle.encode(samples), strict=True):
        yield TokenSample(sample.key, tokens, sample.labels)
