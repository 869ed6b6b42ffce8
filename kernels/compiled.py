"""Compiled: what every kernel becomes on a GPU (registers, spills, shared memory, instructions), found without one.

    python -m foundation.kernels.compiled                                     prints the table
    python -m foundation.kernels.compiled tests/kernels/compiled/table.txt    writes it

The table is reviewed as a diff: a kernel that begins to spill, or loses its tensor cores or its asynchronous copies,
still computes the right thing, and only this shows it. Run as a program of its own: a process that interprets kernels
cannot compile them.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

from foundation.files import whole_file
from foundation.kernels.variant import Variant

FAMILIES: dict[str, str] = {  # name -> module with VARIANTS, a tuple of Variant
    "decode": "foundation.kernels.decode.variants",
    "prologue": "foundation.kernels.prologue.variants",
    "short": "foundation.kernels.short.variants",
    "attention": "foundation.kernels.attention.variants",
}
TARGETS = (90, 80)  # H100 and H200; A100
MOST_REGISTERS = 255
MOST_SHARED = 227 * 1024  # bytes, of one block on sm_90
MOST_SHARED_80 = 163 * 1024  # and on sm_80


@dataclass(frozen=True)
class Compiled:
    """What one variant became on one target.

    Args:
        name: of the variant.
        target: compute capability, 90 or 80.
        cubin: bytes of machine code > 0.
        registers: of a thread.
        stack: bytes of a thread's stack; spilled registers live there.
        spills: loads and stores of local memory.
        shared: bytes of shared memory of a block.
        wgmma: matrix products of a warp group (HGMMA).
        mma: matrix products of a warp (HMMA).
        copies: asynchronous copies to shared memory (cp.async and bulk).
    """

    name: str
    target: int
    cubin: bool
    registers: int
    stack: int
    spills: int
    shared: int
    wgmma: int
    mma: int
    copies: int

    def faults(self, variant: Variant) -> list[str]:
        """What is wrong with it, one sentence each; empty if nothing is."""
        most_shared = MOST_SHARED if self.target == 90 else MOST_SHARED_80
        wrong = {
            "no machine code": not self.cubin,
            f"{self.registers} registers of at most {MOST_REGISTERS}": self.registers > MOST_REGISTERS,
            f"{self.stack} bytes of stack, {self.spills} local loads and stores": bool(self.stack or self.spills),
            f"{self.shared} bytes of shared memory of at most {most_shared}": self.shared > most_shared,
            "no wgmma": variant.tensor_cores and self.target == 90 and not self.wgmma,
            "no asynchronous copy": variant.pipelined and not self.copies,
        }
        return [f"{self.name} on sm_{self.target}: {fault}." for fault, is_so in wrong.items() if is_so]


def variants(slow: bool = True) -> list[Variant]:
    """Every variant of all families, or without `slow` those that every test run compiles."""
    every = [v for module in FAMILIES.values() for v in import_module(module).VARIANTS]
    return [v for v in every if slow or not v.slow]


def compile_variant(variant: Variant, target: int) -> Compiled:
    """Compile for a GPU of this compute capability and read the machine code."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    module, function = variant.kernel.split(":")
    kernel = getattr(import_module(module), function)
    types = {name: variant.types.get(name, "constexpr") for name in kernel.arg_names}
    attributes = {
        (i,): [["tt.divisibility", 16]]
        for i, (name, kind) in enumerate(types.items())
        if kind.startswith("*") or name in variant.aligned
    }
    built = triton.compile(
        ASTSource(kernel, types, dict(variant.constants), attributes),
        target=GPUTarget("cuda", target, 32),
        options={"num_warps": variant.warps, "num_stages": variant.stages},
    )
    return read_machine_code(variant.name, target, built.asm["cubin"], built.metadata.shared)


def read_machine_code(name: str, target: int, cubin: bytes, shared: int) -> Compiled:
    """Registers, stack and instructions by the disassembler that Triton brings; `shared` is in bytes."""
    from triton import knobs

    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [knobs.nvidia.cuobjdump.path, "-sass", "-res-usage", file.name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    usage = {key: int(value) for key, value in re.findall(r"(REG|STACK):(\d+)", text)}
    count = {
        what: len(re.findall(rf"^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?(?:{instruction})\b", text, re.M))
        for what, instruction in (
            ("spills", "LDL|STL"),
            ("wgmma", "HGMMA"),
            ("mma", "HMMA"),
            ("copies", "LDGSTS|UBLKCP|UTMALDG"),
        )
    }
    return Compiled(name, target, bool(cubin), usage["REG"], usage["STACK"], shared=shared, **count)


def table(rows: Sequence[Compiled]) -> str:
    """One line a row, under the version of Triton that compiled them."""
    import triton

    columns = [f.name for f in fields(Compiled) if f.name != "cubin"]
    cells = [[str(getattr(row, c)) for c in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in [columns, *cells]
    ]
    return "\n".join([f"Triton {triton.__version__}", *lines]) + "\n"


def read_table(text: str) -> tuple[str, list[Compiled]]:
    """The version of Triton and the rows of a written table."""
    version, _, *lines = text.splitlines()
    rows = []
    for line in lines:
        name, *numbers = re.split(r"\s{2,}", line.strip())
        target, *rest = map(int, numbers)
        rows.append(Compiled(name, target, True, *rest))
    return version, rows


def compile_all(targets: Sequence[int] = TARGETS, slow: bool = True) -> list[Compiled]:
    """The variants of all families on each of these targets; nothing comes from an earlier run."""
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ["TRITON_DEFAULT_FP_FUSION"] = "1"  # Triton 3.10 changes the default
    every = variants(slow)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TRITON_CACHE_DIR"] = cache
        return [compile_variant(v, target) for target in targets for v in every]


def main(arguments: Sequence[str]) -> None:
    """Compile everything and print or write the table."""
    text = table(compile_all())
    if not arguments:
        sys.stdout.write(text)
        return
    with whole_file(Path(arguments[0])) as path:
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
