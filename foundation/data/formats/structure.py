"""PDB and mmCIF files, packed or not, as structures; gemmi reads them."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from foundation.data.biology.structure import RESIDUE_KINDS, ResidueKind, Structure
from foundation.data.formats.residues import Chosen, chosen_atoms, kind_of_polymer, letter_of, without_variants
from foundation.data.formats.source import FormatError, Samples, Source, explained, open_source
from foundation.data.records import Sample

if TYPE_CHECKING:
    import gemmi

MMCIF = re.compile(rb"\A\s*(#[^\n]*\n\s*)*data_", re.I)
PDB = re.compile(
    rb"\A(HEADER|OBSLTE|TITLE |SPLIT |CAVEAT|COMPND|SOURCE|KEYWDS|EXPDTA|NUMMDL|AUTHOR|REVDAT|JRNL  |REMARK|DBREF |"
    rb"SEQRES|CRYST1|MODEL |ATOM  |HETATM)"
)
COORDINATES = tuple(slice(start, start + 8) for start in (30, 38, 46))  # of an ATOM line
BLANK = "_"  # a chain without a name, as old PDB files have them


class Residue(NamedTuple):
    """What becomes one residue of the record."""

    residue: "gemmi.Residue"
    atoms: list[Chosen]
    kind: ResidueKind
    variants: int


def recognises(source: Source) -> bool:
    """Whether the file begins as mmCIF or PDB do."""
    return bool(MMCIF.match(source.head) or PDB.match(source.head))


def read(source: Source) -> Samples:
    """The one sample of a file: `structure`, its first model.

    Raises:
        FormatError: the file is damaged, or has no atoms.
    """
    structure = _structure(source, 1)
    origin = {"path": str(source.path), "survey": "mmCIF" if MMCIF.match(source.head) else "PDB", "model": 1}
    yield Sample(structure.name, {"structure": structure}, {}, origin)
    return f"holds {structure.models} models; the first was read" if structure.models > 1 else ""


def read_structure(path: Path | str, model: int = 1) -> Structure:
    """The structure in a PDB or mmCIF file, packed with gzip or not.

    Args:
        path: the file; what it begins with decides, not its name.
        model: which one, counted from 1, of a file with several, such as those from NMR.

    Raises:
        FormatError: no such file or model, damaged, of another format, or without atoms.
    """
    path = Path(path)
    with explained(path), open_source(path) as source:
        if not recognises(source):
            raise FormatError(f"{path}: begins neither as mmCIF nor as PDB does. Give a structure file.")
        return _structure(source, model)


def _structure(source: Source, number: int) -> Structure:
    whole = _parse(source)
    if not len(whole) or not whole[0].count_atom_sites():
        raise FormatError(f"{source.path}: has no atoms, so it is cut short or no structure. Download it again.")
    if not 1 <= number <= len(whole):
        raise FormatError(f"{source.path}: has models 1 to {len(whole)}, not {number}. Ask for one of these.")
    chains = list(_chains(whole, whole[number - 1]))
    residues = [residue for _, _, group, _ in chains for residue in group]
    atoms = [(chosen, residue) for residue in residues for chosen in residue.atoms]
    name = whole.name.strip() or source.path.name.partition(".")[0]
    return Structure(
        **{name: np.array(column) for name, column in _atom_columns(atoms).items()},
        **{name: np.array(column) for name, column in _residue_columns(residues).items()},
        letters="".join(letter_of(r.residue.name, r.kind) for r in residues),
        atom_start=_starts(len(r.atoms) for r in residues),
        residue_start=_starts(len(group) for _, _, group, _ in chains),
        author=tuple(author for author, _, _, _ in chains),
        chain_label=tuple(label for _, label, _, _ in chains),
        expected=tuple(expected for _, _, _, expected in chains),
        name=name,
        model=number,
        models=len(whole),
        **_crystal(whole.cell),
    )


def _parse(source: Source) -> "gemmi.Structure":
    """gemmi's reading, with what it lets pass but must not."""
    import gemmi

    content = source.content()
    try:
        if MMCIF.match(content):
            block = gemmi.cif.read_string(content)[0]
            _check_end(content, block)
            whole = gemmi.make_structure_from_block(block)
        else:
            _check_columns(content, source.path)
            whole = gemmi.read_pdb_string(content)
    except (RuntimeError, ValueError, IndexError) as error:
        if isinstance(error, FormatError):
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".:") or type(error).__name__
        raise FormatError(f"{source.path}: is damaged or cut short ({reason}). Download it again.") from error
    whole.merge_chain_parts()  # ligands and waters stand after the polymers of all chains in the file
    whole.setup_entities()
    return whole


def _check_end(content: bytes, block: "gemmi.cif.Block") -> None:
    """A file cut between two atoms is well-formed, but its last line has no end and listed chains have no atoms."""
    absent = set(block.find_values("_struct_asym.id")) - set(block.find_values("_atom_site.label_asym_id"))
    if absent and not content.endswith(b"\n"):
        raise ValueError(f"no atoms of chains {', '.join(sorted(absent))}")


def _check_columns(content: bytes, path: Path) -> None:
    """gemmi reads as 0 what is not a number."""
    for number, line in enumerate(content.splitlines(), 1):
        if line.startswith((b"ATOM  ", b"HETATM")):
            try:
                _ = [float(line[column]) for column in COORDINATES]
            except ValueError as error:
                raise FormatError(
                    f"{path}: line {number} has no coordinates in columns 31 to 54, where PDB has them. "
                    "Write the file again, or give the mmCIF file."
                ) from error


def _chains(whole: "gemmi.Structure", model: "gemmi.Model") -> Iterator[tuple[str, str, list[Residue], str]]:
    """Author id, label id, residues and expected letters of each molecule, those of one chain after each other."""
    molecules: dict[tuple[str, str], list[gemmi.Residue]] = {}
    for chain in model:
        for label, residues in groupby(chain, key=lambda r: r.subchain):
            molecules.setdefault((chain.name.strip() or BLANK, label), []).extend(residues)
    for (author, label), residues in molecules.items():
        entity = whole.get_entity_of(model.get_subchain(label))
        kinds = _kinds(entity, residues)
        known = [Residue(r, chosen_atoms(r), kinds[r.name], variants) for r, variants in without_variants(residues)]
        known = [residue for residue in known if residue.atoms]
        if known:
            yield author, label or author, known, _expected(entity, known[0].kind)


def _kinds(entity: "gemmi.Entity | None", residues: list["gemmi.Residue"]) -> dict[str, ResidueKind]:
    """The kind of each residue name of a molecule."""
    import gemmi

    names = {r.name for r in residues}
    if residues[0].is_water():
        return dict.fromkeys(names, "water")
    if entity is None or entity.entity_type != gemmi.EntityType.Polymer:
        return dict.fromkeys(names, "ligand")
    return {name: kind_of_polymer(name, entity.polymer_type) for name in names}


def _expected(entity: "gemmi.Entity | None", kind: ResidueKind) -> str:
    import gemmi

    if entity is None:
        return ""
    return "".join(letter_of(gemmi.Entity.first_mon(name), kind) for name in entity.full_sequence)


def _crystal(cell: "gemmi.UnitCell") -> dict[str, np.ndarray]:
    if not cell.is_crystal():
        return {}
    images = [np.column_stack([image.mat.tolist(), image.vec.tolist()]) for image in cell.images]
    return {"cell": np.array(cell.orth.mat.tolist()), "images": np.array(images).reshape(-1, 3, 4)}


def _atom_columns(atoms: list[tuple[Chosen, Residue]]) -> dict[str, list]:
    chosen = [c.atom for c, _ in atoms]
    return {
        "coordinates": [a.pos.tolist() for a in chosen],
        "atom_name": [a.name for a in chosen],
        "element": [a.element.name.upper() for a in chosen],
        "occupancy": [a.occ for a in chosen],
        "b_factor": [a.b_iso for a in chosen],
        "altloc": [a.altloc.strip("\0") for a in chosen],
        "alternates": [c.others + (r.variants if c is r.atoms[0] else 0) for c, r in atoms],
    }


def _residue_columns(residues: list[Residue]) -> dict[str, list]:
    return {
        "residue_name": [r.residue.name for r in residues],
        "number": [r.residue.seqid.num or 0 for r in residues],
        "insertion": [r.residue.seqid.icode.strip() for r in residues],
        "label": [r.residue.label_seq or 0 for r in residues],
        "kind": [RESIDUE_KINDS.index(r.kind) for r in residues],
    }


def _starts(lengths: Iterator[int]) -> np.ndarray:
    return np.cumsum([0, *lengths], dtype=np.int32)
