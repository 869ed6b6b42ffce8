"""Shared by all tests: one thread, shapes checked at run time, the real data if it is there."""

import math
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a test process; must precede torch

import pytest
from jaxtyping import install_import_hook

# an int may stand where a float is annotated, as PEP 484 says
install_import_hook("foundation", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


class PlainKernels:
    """Imports Triton's kernels as they are written: its interpreter does not find the names of a wrapped function."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, path, target) if ".gpu." in name else None


sys.meta_path.insert(0, PlainKernels)

import torch  # noqa: E402

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # kernels run in the interpreter; must precede triton


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def real_data(kind):
    path = Path(os.environ.get("FOUNDATION_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / kind
    if not path.is_dir():
        pytest.skip(f"no real files at {path}")
    return path


@pytest.fixture(scope="session")
def astro_data():
    """Directory of real survey files; tests that need them skip where they are absent."""
    return real_data("astro")


def on_a_spiral(atoms, turn, rise, number, start):
    """Name and position of each (name, radius, degrees, height) of residue `number` of a helix from `start` on."""
    for name, radius, angle, height in atoms:
        phase = math.radians(turn * number + angle)
        x, y = start[0] + radius * math.cos(phase), start[1] + radius * math.sin(phase)
        yield name, (x, y, start[2] + rise * number + height)


@pytest.fixture(scope="session")
def write_complex():
    """Write mmCIF or PDB of alpha helices around an A-form strand, which touch it, as {chain: letters} each."""
    gemmi = pytest.importorskip("gemmi")
    backbone = (("N", 1.55, -28, -0.9), ("CA", 2.3, 0, 0.0), ("C", 1.7, 26, 1.1), ("O", 2.0, 25, 2.3))
    nucleotide = (("P", 8.9, 0, 0.0), ("C4'", 9.4, 25, -1.5), ("N1", 4.5, 40, 0.5))

    def write(path, proteins, strands, apart=14.0):
        model = gemmi.Model(1)
        for kind, chains in enumerate((proteins, strands)):
            for order, (author, letters) in enumerate(chains.items()):
                side = math.radians(90 * order)
                start = (0.0, 0.0, 60.0 * order) if kind else (apart * math.cos(side), apart * math.sin(side), 0.0)
                chain = gemmi.Chain(author)
                for number, letter in enumerate(letters):
                    residue = gemmi.Residue()
                    sort = gemmi.ResidueKind.AA if not kind else gemmi.ResidueKind[("RNA", "DNA")["T" in letters]]
                    residue.name, residue.seqid = gemmi.expand_one_letter(letter, sort), gemmi.SeqId(number + 1, " ")
                    spiral = (nucleotide, 32.7, 2.81) if kind else (backbone, 100, 1.5)
                    for name, place in on_a_spiral(*spiral, number, start):
                        atom = gemmi.Atom()
                        atom.name, atom.element = name, gemmi.Element(name[0])
                        atom.pos = gemmi.Position(*place)
                        residue.add_atom(atom)
                    chain.add_residue(residue)
                model.add_chain(chain)
        whole = gemmi.Structure()
        whole.name = path.name.partition(".")[0]
        whole.add_model(model)
        whole.setup_entities()
        whole.assign_label_seq_id()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".pdb":
            whole.write_pdb(str(path))
        else:
            whole.make_mmcif_document().write_file(str(path))
        return path

    return write


@pytest.fixture(scope="session")
def bio_data():
    """Directory of real sequences and structures; tests that need them skip where they are absent."""
    return real_data("bio")
