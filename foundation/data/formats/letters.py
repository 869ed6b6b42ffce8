"""Entries of a text file as samples: what is no sequence is passed over and told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TypeVar

from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.records import RecordError, Sample

T = TypeVar("T")


@contextmanager
def text_of(source: Source) -> Iterator[TextIOWrapper]:
    """The unpacked file as text, which stays open afterwards, for it belongs to the source."""
    if source.file is None:
        raise FormatError(f"{source.path}: is FITS, not text. Give a file of sequences.")
    source.file.seek(0)
    text = TextIOWrapper(source.file, encoding="utf-8")
    try:
        yield text
    finally:
        text.detach()


def samples_of(source: Source, entries: Iterator[T], sample: Callable[[T, int], Sample]) -> Samples:
    """A sample for each entry; those that are empty or no sequences are passed over and told in the remark.

    Raises:
        FormatError: none is a sequence, the file has no entry, or bytes that are no text.
    """
    read, left_out, reason = 0, 0, ""
    try:
        for number, entry in enumerate(entries, 1):
            try:
                made = sample(entry, number)
            except RecordError as error:
                left_out += 1
                reason = reason or str(error)
                continue
            read += 1
            yield made
    except UnicodeDecodeError as error:
        raise FormatError(f"{source.path}: holds bytes that are no text ({error.reason}). Save it as UTF-8.") from error
    if not read:
        raise FormatError(f"{source.path}: {reason or 'has no sequences. Give another file.'}")
    return f"{left_out} of {read + left_out} sequences were left out; the first: {reason}" if left_out else ""
