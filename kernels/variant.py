"""Variant: one way in which a kernel is compiled on a GPU, said in words so that it can be compiled without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """A kernel with the types and constants of one call.

    Args:
        name: unique, by convention "family kernel dtype sizes"; it is the row of the table.
        kernel: "module:function" of the jitted kernel.
        types: Triton type of every argument that is no constant, as "*bf16", "*fp32", "i32", "fp32".
        constants: value of every `tl.constexpr` argument; None also stands for a tensor that is not given.
        aligned: integer arguments known to be multiples of 16; pointers always are.
        warps: num_warps of the launch.
        stages: num_stages of the launch.
        tensor_cores: on sm_90 its products must run as wgmma.
        pipelined: its loop must load asynchronously.
        slow: compiled for the table and by the slow tests only.
    """

    name: str
    kernel: str
    types: Mapping[str, str]
    constants: Mapping[str, object] = field(default_factory=dict)
    aligned: tuple[str, ...] = ()
    warps: int = 4
    stages: int = 2
    tensor_cores: bool = False
    pipelined: bool = False
    slow: bool = False
