"""How the decoding kernel is compiled: growing caches and shared keys, in bfloat16 and float32."""

from foundation.kernels.variant import Variant

INTEGERS = dict.fromkeys(("rows", "segment", "prefix"), "*i64") | dict.fromkeys(("height", "heads", "stored"), "i32")


def _variant(own: bool, new: int, dim: int, dtype: str) -> Variant:
    rounded = dict.fromkeys(("q", "keys", "values", "out"), f"*{dtype}")
    sizes = {"OWN": own, "NEW": new, "DIM": dim, "WIDTH": 1 << (dim - 1).bit_length(), "HEIGHT": 16, "BLOCK": 64}
    return Variant(
        f"decode {'own' if own else 'shared'} {dtype} {new}x{dim}",
        "foundation.kernels.decode.gpu.forward:decode_forward",
        rounded | INTEGERS | {"scale": "fp32"},
        sizes | {"PRECISION": "ieee"},
        aligned=("stored",),
        warps=8 if dtype == "fp32" else 4,
        stages=3,
        pipelined=True,
    )


SIZES = ((True, 1, 64, "bf16"), (True, 2, 64, "bf16"), (False, 2, 64, "bf16"), (True, 1, 128, "bf16"))
VARIANTS = tuple(_variant(*size) for size in (*SIZES, (False, 1, 32, "fp32"), (True, 2, 128, "fp32")))
