"""Text: words about an object, such as what a protein does or how an experiment was done."""

from dataclasses import dataclass

from foundation.errors import RecordError


@dataclass(frozen=True)
class Text:
    """Words, with single blanks between.

    Args:
        words: as they are read.

    Raises:
        RecordError: nothing but blanks.
    """

    words: str

    def __post_init__(self) -> None:
        words = " ".join(self.words.split())
        if not words:
            raise RecordError("Text: there is no word. Leave a missing text out of the sample.")
        object.__setattr__(self, "words", words)
