"""Header cards of FITS read without astropy: a spectrum's labels have a thousand of them, of which ten are wanted.

FITS standard 4.0, section 4: https://fits.gsfc.nasa.gov/fits_standard.html
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import IO

CARD, BLOCK = 80, 2880  # bytes
END = b"END" + b" " * (CARD - 3)
ASSIGNED = re.compile(rb"(?:HIERARCH +)?([A-Za-z0-9_ .-]+?) *= ?(.*)", re.DOTALL)
TEXT = re.compile(rb" *'((?:[^']|'')*)'")
Value = bool | int | float | str


class Cards(Mapping[str, Value]):
    """The cards of one header by keyword; a value is parsed when it is asked for, so that a broken one harms nobody."""

    def __init__(self, header: bytes) -> None:
        self.header = header
        self._raw = _raw_cards(header)

    def __getitem__(self, keyword: str) -> Value:
        return parsed(self._raw[keyword.upper()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, keyword: object) -> bool:
        return isinstance(keyword, str) and keyword.upper() in self._raw


def read_header(file: IO[bytes]) -> bytes | None:
    """The blocks of the header that begins here, up to END; None at the end of the file or if there is no END."""
    blocks = b""
    while len(block := file.read(BLOCK)) == BLOCK:
        blocks += block
        if any(block[i : i + CARD] == END for i in range(0, BLOCK, CARD)):
            return blocks
    return None


def parsed(raw: bytes) -> Value:
    """The value of a card.

    Raises:
        ValueError: it is none, such as that of a card without value.
    """
    text = TEXT.match(raw)
    if text:
        return text[1].replace(b"''", b"'").decode("ascii", "replace").rstrip()
    word = raw.partition(b"/")[0].strip().decode("ascii", "replace")
    if word in ("T", "F"):
        return word == "T"
    try:
        return int(word)
    except ValueError:
        return float(word.upper().replace("D", "E"))


@lru_cache(maxsize=64)  # files of one pipeline have equal headers of tables, byte by byte
def _raw_cards(header: bytes) -> dict[str, bytes]:
    cards: dict[str, bytes] = {}
    last = ""
    for start in range(0, len(header), CARD):
        card = header[start : start + CARD]
        if card[:8] == b"CONTINUE" and last:
            cards[last] = _continued(cards[last], card[8:])
        elif (card[8:10] == b"= " or card[:8] == b"HIERARCH") and (found := ASSIGNED.match(card)):
            last = found[1].decode("ascii").strip().upper()
            cards.setdefault(last, found[2])
        elif card == END:
            break
    return cards


def _continued(before: bytes, more: bytes) -> bytes:
    """A text that goes on in the next card, where it ends in &."""
    first, second = TEXT.match(before), TEXT.match(more)
    if not first or not second or not first[1].rstrip().endswith(b"&"):
        return before
    return b"'" + first[1].rstrip()[:-1] + second[1] + b"'"
