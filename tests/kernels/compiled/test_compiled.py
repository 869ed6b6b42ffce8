"""What kernels become on a GPU: the table in this folder, its limits, and the check itself."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.kernels.compiled import TARGETS, Compiled, read_table, variants
from foundation.kernels.variant import Variant

pytest.importorskip("triton")
HERE = Path(__file__).parent
COMMAND = "python -m foundation.kernels.compiled tests/kernels/compiled/table.txt"


def compile_apart(call):
    """Rows of the table that `call` gives, compiled by another process: this one interprets kernels."""
    code = f"from foundation.kernels import compiled as c; print(c.table({call}))"
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(HERE), "TRITON_DEFAULT_FP_FUSION": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return read_table(run.stdout.strip())


def check(target, slow):
    """The variants on one target keep the limits and are those of the reviewed table."""
    version, rows = compile_apart(f"c.compile_all(({target},), slow={slow})")
    chosen = variants(slow=slow)
    faults = [f for row, variant in zip(rows, chosen, strict=True) for f in row.faults(variant)]
    assert not faults, "\n".join(faults)
    known_version, known = read_table((HERE / "table.txt").read_text())
    if version != known_version:
        pytest.skip(f"the table was written by {known_version}, this is {version}; the limits hold")
    names = {v.name for v in chosen}
    expected = [row for row in known if row.target == target and row.name in names]
    assert rows == expected, f"if this is meant, review the diff of `{COMMAND}`"


def test_kernels_for_sm_90():
    check(90, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("target", [90, 80])
def test_all_kernels(target):
    check(target, slow=True)


def test_table_has_every_variant_on_every_target_within_the_limits():
    rows, chosen = read_table((HERE / "table.txt").read_text())[1], [(t, v) for t in TARGETS for v in variants()]
    assert [(r.target, r.name) for r in rows] == [(t, v.name) for t, v in chosen]
    assert not [fault for row, (_, v) in zip(rows, chosen, strict=True) for fault in row.faults(v)]


def test_names_are_unique():
    names = [v.name for v in variants()]
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def toys():
    toy_variants = "[c.compile_variant(v, 90) for v in __import__('toy_kernels').VARIANTS]"
    return {row.name: row for row in compile_apart(toy_variants)[1]}


def faults(row, **demands):
    return row.faults(Variant(row.name, "", {}, **demands))


def test_a_good_kernel_has_no_fault(toys):
    product = toys["product"]
    assert product.wgmma and product.copies and not product.mma and product.shared > 2 * 64 * 64 * 2
    assert faults(product, tensor_cores=True, pipelined=True) == []


def test_a_product_too_small_for_wgmma_and_a_loop_without_copies_are_faults(toys):
    assert toys["small"].mma
    assert faults(toys["small"], tensor_cores=True, pipelined=True) == [
        "small on sm_90: no wgmma.",
        "small on sm_90: no asynchronous copy.",
    ]
    assert faults(toys["small"]) == []


def test_spills_are_a_fault(toys):
    assert toys["crowded"].stack and toys["crowded"].spills
    assert "local loads and stores" in faults(toys["crowded"])[0]


def test_limits_of_registers_and_shared_memory():
    good = Compiled("k", 80, True, 255, 0, 0, 160 * 1024, 0, 4, 2)
    assert faults(good) == []
    assert faults(replace(good, shared=200 * 1024)) and not faults(replace(good, shared=200 * 1024, target=90))
    assert faults(replace(good, registers=256)) == ["k on sm_80: 256 registers of at most 255."]
    assert faults(replace(good, cubin=False)) == ["k on sm_80: no machine code."]
