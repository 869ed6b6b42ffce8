"""The table of tokenizers: what the `tokenizer` entry of a config.json may say, and the class that reads it."""

from pathlib import Path

from foundation.tokenizers.backbone import BackboneTokenizer
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.codons import CodonsTokenizer
from foundation.tokenizers.coefficients import CoefficientsTokenizer
from foundation.tokenizers.image import ImageTokenizer
from foundation.tokenizers.letters import LettersTokenizer
from foundation.tokenizers.scalar import ScalarTokenizer
from foundation.tokenizers.segmentation import SegmentationTokenizer
from foundation.tokenizers.sources import SourcesTokenizer
from foundation.tokenizers.spectrum import SpectrumTokenizer
from foundation.tokenizers.states import StatesTokenizer
from foundation.tokenizers.stored import CONFIG, StoredTokenizer, read_config
from foundation.tokenizers.structure import StructureTokenizer
from foundation.tokenizers.text import TextTokenizer
from foundation.tokenizers.track_bins import DigitiserTokenizer
from foundation.tokenizers.track_symbols import SymbolsTokenizer

TOKENIZERS: dict[str, type[StoredTokenizer]] = {
    "backbone": BackboneTokenizer,
    "codons": CodonsTokenizer,
    "coefficients": CoefficientsTokenizer,
    "digitiser": DigitiserTokenizer,
    "image": ImageTokenizer,
    "letters": LettersTokenizer,
    "scalar": ScalarTokenizer,
    "segmentation": SegmentationTokenizer,
    "sources": SourcesTokenizer,
    "spectrum": SpectrumTokenizer,
    "states": StatesTokenizer,
    "structure": StructureTokenizer,
    "symbols": SymbolsTokenizer,
    "text": TextTokenizer,
}


def load_tokenizer(path: Path) -> StoredTokenizer:
    """Read a tokenizer of any kind from its directory.

    Raises:
        TokenizerError: a file is missing or damaged, or the kind is not in the table.
    """
    kind = read_config(path)["tokenizer"]
    if kind not in TOKENIZERS:
        raise TokenizerError(
            f"{Path(path) / CONFIG}: tokenizer {kind!r} is unknown; there are {', '.join(TOKENIZERS)}. "
            "Install the version of foundation that wrote it."
        )
    return TOKENIZERS[kind].from_pretrained(path)
