"""The ways in which the attention kernels are compiled on a GPU: each head dim and type, and each term with 64."""

from foundation.kernels.attention.gpu.launch import Launch, launches, parts
from foundation.kernels.attention.gpu.support import HEADS
from foundation.kernels.variant import Variant

GPU = "foundation.kernels.attention.gpu"
PER_ROW = {"programs": "*i32", "begins": "*i32", "bounds": "*i32"}
SIZES = {
    "scale": "fp32", "q_row": "i32", "q_head": "i32", "k_row": "i32", "k_head": "i32", "v_row": "i32", "v_head": "i32",
    "queries": "i32", "heads": "i32",
}  # fmt: skip
STRIDES = ("q_row", "k_row", "v_row")  # heads need not begin at multiples of 16: 88 is none

QUICK = frozenset(
    f"attention {kernel} {what}"
    for kernel in ("forward", "backward_queries", "backward_keys")
    for what in ("bf16 64", "bf16 88", "bf16 64 points", "fp32 64")
)


def _variants(dim: int, dtype: str, term: str = "") -> list[Variant]:
    """The three kernels for heads of `dim` of type `dtype`, with one optional term."""
    extra = 16 if term == "points" else 0
    launch = launches(dim, 4 if dtype == "fp32" else 2, extra, bool(term))
    main, tail = parts(dim, 4 if dtype == "fp32" else 2)
    constants = {
        "DIM": dim, "MAIN": main, "TAIL": tail, "EXTRA": extra, "BIAS": term == "bias",
        "REACH": 32 if term == "table" else -1, "BITS": term == "bits",
        "PRECISION": "tf32x3" if dtype == "fp32" else "ieee",
    }  # fmt: skip
    own = f"*{dtype}"
    types = {"q": own, "k": own, "v": own, **PER_ROW, **SIZES, **_term_types(term, own)}
    back = {"grad": own, "lse": "*fp32", "delta": "*fp32"}
    wants = {"BIAS_GRAD": term == "bias", "TABLE_GRAD": term == "table"}
    extras = ("grad_extra_q", "grad_extra_k") if extra else ()
    queries = {"grad_q": own, **({"grad_bias": own} if term == "bias" else {})}
    queries |= {"counts": "*fp32"} if term == "table" else {}
    queries |= {name: "*fp32" for name in extras[:1]}
    keys = {"grad_k": own, "grad_v": own, "ends": "*i32", **{name: "*fp32" for name in extras[1:]}}
    name = f"attention {{}} {dtype} {dim} {term}".strip()
    return [
        _variant(name.format("forward"), "forward", {**types, "out": own, "lse": "*fp32"}, constants, launch.forward),
        _variant(
            name.format("backward_queries"),
            "backward_queries",
            {**types, **back, **queries},
            {**constants, **wants},
            launch.backward_queries,
        ),
        _variant(
            name.format("backward_keys"), "backward_keys", {**types, **back, **keys}, constants, launch.backward_keys
        ),
    ]


def _variant(name: str, kernel: str, types: dict[str, str], constants: dict[str, object], launch: Launch) -> Variant:
    constants = {**constants, "BLOCK_M": launch.queries, "BLOCK_N": launch.keys}
    return Variant(
        name,
        f"{GPU}.{kernel}:attention_{kernel}",
        types,
        constants,
        STRIDES,
        launch.warps,
        launch.stages,
        tensor_cores=types["q"] != "*fp32",
        slow=name not in QUICK,
        pipelined=not constants.get("TABLE_GRAD"),  # the histogram's loop inside the loop forbids it
    )


def _term_types(term: str, own: str) -> dict[str, str]:
    return {
        "": {},
        "bits": {"sees": "*i32", "kind": "*u8"},
        "bias": {"bias": own, "bias_row": "*i64", "bias_head": "*i64"},
        "table": {"table": "*fp32", "query_at": "*i64", "key_at": "*i64"},
        "points": {"extra_q": "*fp32", "extra_k": "*fp32"},
    }[term]


VARIANTS = tuple(
    variant
    for dim, dtype, term in (
        *((dim, "bf16", "") for dim in HEADS),
        *((dim, "fp32", "") for dim in (32, 64, 88, 128)),  # 80 and 96 are read as 88 is
        *((64, "bf16", term) for term in ("bits", "bias", "table", "points")),
        *((64, "fp32", term) for term in ("bias", "points")),
    )
    for variant in _variants(dim, dtype, term)
)
