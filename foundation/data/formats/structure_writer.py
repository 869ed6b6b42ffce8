"""Structures as mmCIF or PDB files; gemmi writes them."""

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.data.biology.names import as_text
from foundation.data.biology.structure import POLYMERS, Structure
from foundation.errors import FoundationError
from foundation.files import whole_file

if TYPE_CHECKING:
    import gemmi


def write_structure(structure: Structure, path: Path) -> None:
    """Write the atoms of a structure; the name of the file ends in .cif or .pdb.

    Places in the whole molecule, and residues of it that have no atoms, are written where they are known.

    Raises:
        FoundationError: another ending.
    """
    if path.suffix not in (".cif", ".pdb"):
        raise FoundationError(f"{path}: structures are written as .cif or .pdb. Give such a name.")
    import gemmi

    whole = gemmi.Structure()
    whole.name = structure.name
    whole.add_model(_model(structure))
    whole.setup_entities()
    for chain in structure.chains:
        entity = whole.get_entity_of(whole[0].get_subchain(chain.label))
        if entity is not None and chain.expected and chain.kind in POLYMERS:
            sort = gemmi.ResidueKind.AA if chain.kind == "protein" else gemmi.ResidueKind[chain.kind.upper()]
            entity.full_sequence = gemmi.expand_one_letter_sequence(chain.expected, sort)
    with whole_file(path) as temporary:
        if path.suffix == ".pdb":
            whole.write_pdb(str(temporary))
        else:
            whole.make_mmcif_document().write_file(str(temporary))


def _model(structure: Structure) -> "gemmi.Model":
    import gemmi

    model = gemmi.Model(structure.model)
    names, elements = as_text(structure.atom_name).tolist(), as_text(structure.element).tolist()
    for chain in structure.chains:
        made = gemmi.Chain(chain.author)
        for i in range(chain.start, chain.end):
            residue = gemmi.Residue()
            residue.name, residue.subchain = str(structure.residue_names[i]), chain.label
            residue.seqid = gemmi.SeqId(int(structure.number[i]), as_text(structure.insertion)[i] or " ")
            residue.label_seq = int(structure.label[i]) or None
            polymer = chain.kind in POLYMERS
            residue.entity_type = gemmi.EntityType.Polymer if polymer else gemmi.EntityType.NonPolymer
            for a in range(structure.atom_start[i], structure.atom_start[i + 1]):
                atom = gemmi.Atom()
                atom.name, atom.element = names[a], gemmi.Element(elements[a])
                atom.pos = gemmi.Position(*structure.coordinates[a].tolist())
                atom.occ, atom.b_iso = float(structure.occupancy[a]), float(structure.b_factor[a])
                residue.add_atom(atom)
            made.add_residue(residue)
        model.add_chain(made)
    return model
