"""How the kernels of short attention are compiled: 6 frames of Walrus's heads, and the largest they take."""

from foundation.kernels.variant import Variant

NORMS = ("q_weight", "q_bias", "k_weight", "k_bias")
STRIDES = tuple(f"{x}_{what}" for x in "qkv" for what in ("position", "frame", "head"))
NUMBERS = {"positions": "i32", "heads": "i32", "q_eps": "fp32", "k_eps": "fp32", "scale": "fp32"}
POINTERS = {
    "forward": ("q", "k", "v", "out"),
    "backward": ("q", "k", "v", "gradient", "dq", "dk", "dv"),
}


def _variant(direction: str, frames: int, dim: int, kind: str, dtype: str) -> Variant:
    strides = STRIDES if direction == "forward" else (*STRIDES, "g_position", "g_frame", "g_head")
    singles = () if direction == "forward" else ("pairs", "vectors")
    given = (*NORMS, "bias") if kind == "layer" else ()
    rounded = dict.fromkeys(POINTERS[direction], f"*{dtype}")
    numbers = NUMBERS | dict.fromkeys(strides, "i32") | dict.fromkeys((*singles, *given), "*fp32")
    padded, width = (1 << (n - 1).bit_length() for n in (frames, dim))
    absent = {} if given else dict.fromkeys((*NORMS, "bias"))
    sizes = {"COUNT": frames, "FRAMES": padded, "ROWS": 32, "CAUSAL": True, "DIM": dim, "WIDTH": width}
    return Variant(
        f"short {direction} {kind} {dtype} {frames}x{dim}",
        f"foundation.kernels.short.gpu.{direction}:short_{direction}",
        rounded | numbers,
        sizes | absent | {"Q_KIND": kind, "K_KIND": kind},
        aligned=strides,
        warps=4 if direction == "forward" else 8,
    )


SIZES = ((6, 88, "layer", "bf16"), (6, 88, "layer", "fp32"), (6, 64, "none", "bf16"), (16, 128, "layer", "bf16"))
VARIANTS = tuple(
    _variant(direction, *rest)
    for direction in ("forward", "backward")
    for rest in (
        (6, 88, "layer", "bf16"),
        (6, 88, "layer", "fp32"),
        (6, 64, "none", "bf16"),
        (16, 128, "layer", "bf16"),
    )
)
