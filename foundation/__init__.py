"""Foundation: one masked-modelling transformer for sky, sequence, structure and fields."""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {  # public name -> module; imported on first use, so that `import foundation` stays light
    "AttentionLayout": "foundation.kernels.attention",
    "FoundationModel": "foundation.model.pretrained",
    "Image": "foundation.data.records",
    "MaskingPolicy": "foundation.masking.policy",
    "ModelConfig": "foundation.config",
    "Sample": "foundation.data.records",
    "Scalar": "foundation.data.records",
    "Sequence": "foundation.data.records",
    "Space": "foundation.tokens",
    "Spectrum": "foundation.data.records",
    "Structure": "foundation.data.records",
    "TokenBatch": "foundation.batch",
    "Tokenizer": "foundation.tokenizers.base",
    "Tokens": "foundation.tokens",
    "pack": "foundation.batch",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'foundation' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
