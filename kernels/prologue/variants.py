"""How the prologue's kernels are compiled: every head dim in bfloat16, and float32."""

from foundation.kernels.variant import Variant

FORWARD = ("x", "weight", "bias", "turns", "out")
BACKWARD = ("gradient", "x", "weight", "turns", "dx", "dweight", "dbias")
ROUNDED = {"x", "out", "gradient", "dx"}  # the rest is float32
NUMBERS = {"tokens": "i32", "heads": "i32", "eps": "fp32"}
STRIDES = ("x_row", "x_head", "g_row", "g_head")


def _variant(direction: str, dim: int, kind: str, dtype: str) -> Variant:
    pointers, strides = (FORWARD, STRIDES[:2]) if direction == "forward" else (BACKWARD, STRIDES)
    half = 1 << (dim // 2 - 1).bit_length()
    return Variant(
        f"prologue {direction} {kind} {dtype} {dim}",
        f"foundation.kernels.prologue.gpu.{direction}:prologue_{direction}",
        {p: f"*{dtype if p in ROUNDED else 'fp32'}" for p in pointers} | NUMBERS | dict.fromkeys(strides, "i32"),
        {"KIND": kind, "DIM": dim, "HALF": half, "BLOCK": 16},
        aligned=strides if dim % 16 == 0 else (),
        slow=dim not in (64, 88),
    )


VARIANTS = tuple(
    _variant(direction, *rest)
    for direction in ("forward", "backward")
    for rest in [(dim, "rms", "bf16") for dim in (32, 64, 80, 88, 96, 128)] + [(64, "layer", "fp32")]
)
