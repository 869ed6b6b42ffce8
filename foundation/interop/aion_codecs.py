"""Files of AION-1's codecs: codecs/FOLDER/config.json and model.safetensors, one folder for each codec."""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.aion_bins import CATALOG, COEFFICIENTS, GRID, LOG, SCALAR
from foundation.interop.aion_codec import Codec
from foundation.interop.aion_keys import Key, keys_of
from foundation.interop.aion_networks import IMAGE, PLANE, SPECTRUM
from foundation.interop.layout import check_tensors
from foundation.interop.tensors import read_tensors
from foundation.model.network_files import CONFIG, WEIGHTS
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.stored import StoredTokenizer

CODECS: dict[str, Codec] = {
    "image": IMAGE,
    "spectrum": SPECTRUM,
    "field": PLANE,
    "scalar": SCALAR,
    "log": LOG,
    "grid": GRID,
    "coefficients": COEFFICIENTS,
    "catalog": CATALOG,
}
LEARNED = re.compile(r"running_|num_batches_tracked|^table$")  # buffers that are no constants


def read_codecs(directory: Path, names: Sequence[str]) -> TokenizerBundle | None:
    """Tokenizers of those of the keys whose codec is in the directory `codecs`, called as the keys; None without any.

    Keys with one codec share its weights.

    Raises:
        FoundationError: a file missing or damaged, entries or tensors missing or unknown, or constants that do not fit.
    """
    keys = [k for k in keys_of(list(names), "The request") if (directory / k.folder).is_dir()]
    found: dict[str, StoredTokenizer] = {}
    by_folder: dict[str, StoredTokenizer] = {}
    for key in keys:
        tokenizer = _read(directory / key.folder, key)
        if key.folder in by_folder:
            tokenizer.load_state_dict(by_folder[key.folder].state_dict(), assign=True)
        found[key.name] = by_folder[key.folder] = tokenizer
    return TokenizerBundle(found) if found else None


def write_codecs(bundle: TokenizerBundle, directory: Path) -> None:
    """Write the codecs of all keys of the bundle; of two keys with one codec the first one's is taken.

    Raises:
        FoundationError: a tokenizer that the release has no codec for.
    """
    for key in keys_of(list(bundle.tokenizers), "The bundle of tokenizers"):
        folder, codec, tokenizer = directory / key.folder, CODECS[key.codec], bundle.tokenizers[key.name]
        if folder.exists():
            continue
        if not isinstance(tokenizer, codec.kind):
            raise FoundationError(
                f"The tokenizer of {key.name} is a {type(tokenizer).__name__}, and AION-1's codec a "
                f"{codec.kind.__name__}. Leave the tokenizers out of the export."
            )
        folder.mkdir(parents=True)
        stored = codec.stored(tokenizer.config, key)
        (folder / CONFIG).write_text(json.dumps(stored, indent=2, sort_keys=True))
        tensors = codec.released(tokenizer.state_dict(), tokenizer.config)
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, folder / WEIGHTS)


def _read(folder: Path, key: Key) -> StoredTokenizer:
    codec, path = CODECS[key.codec], folder / WEIGHTS
    tensors = {re.sub(r"^quantizer\.", "_quantizer.", n): t for n, t in read_tensors(path).items()}
    tokenizer = codec.kind(codec.config(_stored(folder / CONFIG, codec), key, tensors), key.name).eval()
    own, state = codec.released(tokenizer.state_dict(), tokenizer.config), tokenizer.state_dict()
    tensors = _without_extra(tensors, own, key, path)
    check_tensors(tensors, {n: t.shape for n, t in own.items()}, str(path))
    ours = codec.ours(tensors, tokenizer.config)
    constants = [n for n, _ in tokenizer.named_buffers() if n in ours and not LEARNED.search(n)]
    wrong = [n for n in constants if not torch.allclose(ours[n].double(), state[n].double(), rtol=1e-5)]
    if wrong:
        raise FoundationError(f"{path}: {', '.join(wrong)} do not fit config.json beside it. Copy both again.")
    tokenizer.load_state_dict(ours, assign=True)
    return tokenizer


def _stored(path: Path, codec: Codec) -> dict:
    try:
        stored = json.loads(path.read_text())
        odd = (codec.known - set(stored)) | (set(stored) - codec.known - codec.optional)
    except (OSError, ValueError, TypeError) as error:
        raise FoundationError(f"{path} is missing or damaged ({error}). Copy the whole directory again.") from error
    if odd:
        raise FoundationError(f"{path}: {', '.join(sorted(odd))} missing or unknown. Give a released config.json.")
    return stored


def _without_extra(tensors: dict[str, Tensor], own: dict[str, Tensor], key: Key, path: Path) -> dict[str, Tensor]:
    """Of a spectrum codec only the tensors it needs: the released file is longer than what is known of it explains."""
    extra = sorted(tensors.keys() - own.keys())
    if key.codec != "spectrum" or not extra:
        return tensors
    warnings.warn(f"{path}: {len(extra)} tensors are not used: {', '.join(extra)}.", stacklevel=2)
    return {n: t for n, t in tensors.items() if n in own}
