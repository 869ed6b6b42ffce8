"""Structure: the atoms of one model of a molecule or complex as flat arrays, by residue and chain, validated once."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float32, Int32

from foundation.data.biology.choice import Piece, read_choice
from foundation.data.biology.names import as_bytes, as_text, is_name
from foundation.errors import RecordError

ResidueKind = Literal["protein", "dna", "rna", "ligand", "water"]
RESIDUE_KINDS: tuple[ResidueKind, ...] = get_args(ResidueKind)  # the index is the code in `kind`
POLYMERS: tuple[ResidueKind, ...] = ("protein", "dna", "rna")
NUCLEIC: tuple[ResidueKind, ...] = ("dna", "rna")
BACKBONE = ("N", "CA", "C")
ATOM_NAME, ELEMENT, RESIDUE_NAME = 6, 2, 5  # bytes
ATOM_COLUMNS = ("occupancy", "b_factor", "alternates", "atom_name", "element", "altloc")
RESIDUE_COLUMNS = ("residue_name", "number", "insertion", "label", "kind")


class Chain(NamedTuple):
    """Residues start to end - 1 of one molecule: one polymer, or the ligands or waters kept with it."""

    author: str
    label: str
    kind: ResidueKind
    start: int
    end: int
    expected: str


@dataclass(frozen=True, eq=False)
class Structure:
    """One model, one position for each atom.

    Where atoms have several places, `altloc` names the chosen one and `alternates` counts the others. Missing atoms
    are those that a residue does not have: see `backbone`; missing residues are in `expected` and not in `letters`.

    Args:
        coordinates: float32 [atoms, 3], Å.
        atom_name: [atoms], as text or as bytes [atoms, 6].
        element: [atoms], upper case, as text or bytes [atoms, 2].
        occupancy: float32 [atoms].
        b_factor: float32 [atoms], Å²; predicted structures have their confidence here.
        altloc: [atoms], one letter, or "" where the file gives one place only.
        alternates: int16 [atoms], places that were left out.
        atom_start: int32 [residues + 1], residue i has atoms atom_start[i] to atom_start[i + 1] - 1.
        residue_name: [residues], as in the file, as text or bytes [residues, 5].
        letters: one letter a residue: a modified one has its parent's, X (protein) or N (nucleic) if that is not known;
            ligands and waters have ".".
        number: int32 [residues], the author's.
        insertion: [residues], the author's insertion code or "".
        label: int32 [residues], place in the whole molecule from 1 (mmCIF's label_seq_id), 0 if not known.
        kind: uint8 [residues], index into RESIDUE_KINDS; "ligand" is everything but the other four.
        residue_start: int32 [chains + 1], as `atom_start`.
        author: chain id that the authors use and people type; "_" if the file has a blank.
        chain_label: chain id of mmCIF's label_asym_id, different for each polymer, ligand and the waters.
        expected: letters of the whole molecule, missing residues too; "" if the file does not say.
        name: entry or file.
        model: which model this is, from 1, of `models` in the file.
        cell: float64 [3, 3], edges of the crystal's unit cell as columns, Å, or None.
        images: float64 [images, 3, 4], rotation and shift, in fractions of the cell, to each other copy of these atoms
            in it, or None.

    Raises:
        RecordError: no atom, coordinates that are not finite, or parts that do not fit together.
    """

    coordinates: np.ndarray
    atom_name: np.ndarray
    element: np.ndarray
    occupancy: np.ndarray
    b_factor: np.ndarray
    altloc: np.ndarray
    alternates: np.ndarray
    atom_start: np.ndarray
    residue_name: np.ndarray
    letters: str
    number: np.ndarray
    insertion: np.ndarray
    label: np.ndarray
    kind: np.ndarray
    residue_start: np.ndarray
    author: tuple[str, ...]
    chain_label: tuple[str, ...]
    expected: tuple[str, ...]
    name: str = ""
    model: int = 1
    models: int = 1
    cell: np.ndarray | None = None
    images: np.ndarray | None = None

    def __post_init__(self) -> None:
        what = f"Structure{f' {self.name!r}' if self.name else ''}"
        arrays = {
            "coordinates": np.ascontiguousarray(self.coordinates, np.float32),
            "occupancy": np.ascontiguousarray(self.occupancy, np.float32),
            "b_factor": np.ascontiguousarray(self.b_factor, np.float32),
            "alternates": np.ascontiguousarray(self.alternates, np.int16),
            "kind": np.ascontiguousarray(self.kind, np.uint8),
        }
        for name in ("atom_start", "number", "label", "residue_start"):
            arrays[name] = np.ascontiguousarray(getattr(self, name), np.int32)
        widths = {"atom_name": ATOM_NAME, "element": ELEMENT, "altloc": 1, "residue_name": RESIDUE_NAME, "insertion": 1}
        for name, width in widths.items():
            arrays[name] = as_bytes(getattr(self, name), width, f"{what}: {name}")
        for name, shape in (("cell", (3, 3)), ("images", (-1, 3, 4))):
            if getattr(self, name) is not None:
                arrays[name] = np.ascontiguousarray(getattr(self, name), np.float64).reshape(shape)
        for name in ("author", "chain_label", "expected"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        _check(self, what)

    def __len__(self) -> int:
        """Number of residues of any kind."""
        return len(self.letters)

    @property
    def residue_of_atom(self) -> Int32[np.ndarray, "atoms"]:
        """Which residue each atom belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.atom_start))

    @property
    def chain_of_residue(self) -> Int32[np.ndarray, "residues"]:
        """Which chain each residue belongs to."""
        return np.repeat(np.arange(len(self.author), dtype=np.int32), np.diff(self.residue_start))

    @property
    def residue_names(self) -> np.ndarray:
        """Name of each residue as text [residues], as in the file."""
        return as_text(self.residue_name)

    @property
    def chains(self) -> tuple[Chain, ...]:
        """Every chain, in the order of the file; of a hybrid of DNA and RNA, the kind of its first residue."""
        bounds = zip(self.residue_start[:-1].tolist(), self.residue_start[1:].tolist(), strict=True)
        return tuple(
            Chain(author, label, RESIDUE_KINDS[self.kind[start]], start, end, expected)
            for author, label, expected, (start, end) in zip(
                self.author, self.chain_label, self.expected, bounds, strict=True
            )
        )

    def is_kind(self, *kinds: ResidueKind) -> Bool[np.ndarray, "residues"]:
        """The residues of any of these kinds."""
        return np.isin(self.kind, [RESIDUE_KINDS.index(kind) for kind in kinds])

    def place(self, atom: str) -> Float32[np.ndarray, "residues 3"]:
        """Where each residue has the atom of this name; NaN where it is missing."""
        found = np.flatnonzero(is_name(self.atom_name, atom))
        places = np.full((len(self), 3), np.nan, np.float32)
        places[self.residue_of_atom[found]] = self.coordinates[found]
        return places

    @property
    def backbone(self) -> tuple[Float32[np.ndarray, "residues 3 3"], Bool[np.ndarray, "residues"]]:
        """Positions of N, CA and C in Å, NaN where missing, and which residues are protein and have all three."""
        places = np.stack([self.place(atom) for atom in BACKBONE], 1)
        return places, self.is_kind("protein") & np.isfinite(places).all((1, 2))

    def select(self, choice: str) -> "Structure":
        """The polymer residues of some chains, without ligands and waters, in the order of the file.

        Args:
            choice: author ids with optional author numbers: "A", "A,B", "A:10-85", "A:10-85,B", "A:27-27B".

        Raises:
            RecordError: it cannot be read, or a chain or stretch of it is not there.
        """
        return self.keep(self.chosen(choice))

    def chosen(self, choice: str) -> Bool[np.ndarray, "residues"]:
        """The residues that `select` would keep; raises as it does."""
        found = np.zeros(len(self), bool)
        for piece in read_choice(choice):
            found |= self._found(piece)
        return found

    def keep(self, residues: Bool[np.ndarray, "residues"]) -> "Structure":
        """These residues only; chains that have none left go.

        Raises:
            RecordError: none is kept.
        """
        atoms = np.repeat(residues, np.diff(self.atom_start))
        left = np.add.reduceat(residues, self.residue_start[:-1], dtype=np.int32)
        chains = np.flatnonzero(left)
        return Structure(
            coordinates=self.coordinates[atoms],
            atom_start=_starts(np.diff(self.atom_start)[residues]),
            letters="".join(np.array(list(self.letters))[residues]),
            residue_start=_starts(left[chains]),
            author=tuple(self.author[c] for c in chains),
            chain_label=tuple(self.chain_label[c] for c in chains),
            expected=tuple(self.expected[c] for c in chains),
            name=self.name,
            model=self.model,
            models=self.models,
            cell=self.cell,
            images=self.images,
            **{column: getattr(self, column)[atoms] for column in ATOM_COLUMNS},
            **{column: getattr(self, column)[residues] for column in RESIDUE_COLUMNS},
        )

    def _found(self, piece: Piece) -> Bool[np.ndarray, "residues"]:
        inside = self.is_kind(*POLYMERS) & np.isin(self.chain_of_residue, self._named(piece.chain))
        codes = as_text(self.insertion)
        places = list(zip(self.number.tolist(), codes.tolist(), strict=True))
        inside &= np.array([piece.low <= place <= piece.high for place in places])
        if not inside.any():
            there = ", ".join(f"{c.author} ({c.kind}, {c.end - c.start} residues)" for c in self.polymers)
            raise RecordError(
                f"{self.name or 'The structure'}: has no residue of {piece.text!r}; it has chains "
                f"{there or 'of ligands and waters only'}. Give one of these, as in A or A:10-85."
            )
        return inside

    @property
    def polymers(self) -> tuple[Chain, ...]:
        """The chains that are protein, DNA or RNA."""
        return tuple(chain for chain in self.chains if chain.kind in POLYMERS)

    def _named(self, author: str) -> list[int]:
        return [number for number, own in enumerate(self.author) if own == author]


def _starts(lengths: np.ndarray) -> Int32[np.ndarray, "n"]:
    return np.cumsum([0, *lengths], dtype=np.int32)


def _check(structure: Structure, what: str) -> None:
    atoms, residues, chains = len(structure.coordinates), len(structure.letters), len(structure.author)
    if not atoms or structure.coordinates.shape != (atoms, 3):
        raise RecordError(
            f"{what}: coordinates have shape {structure.coordinates.shape}, wanted [atoms, 3] with at least one."
        )
    if not np.isfinite(structure.coordinates).all():
        raise RecordError(f"{what}: coordinates are not finite. Leave missing atoms out.")
    sizes = {name: atoms for name in ATOM_COLUMNS} | {name: residues for name in RESIDUE_COLUMNS}
    sizes |= {"chain_label": chains, "expected": chains}
    for name, size in sizes.items():
        if len(getattr(structure, name)) != size:
            raise RecordError(f"{what}: {len(getattr(structure, name))} of {name}, wanted {size}.")
    for name, parts, whole in (("atom_start", residues, atoms), ("residue_start", chains, residues)):
        starts = getattr(structure, name)
        if len(starts) != parts + 1 or starts[0] != 0 or starts[-1] != whole or (np.diff(starts) < 1).any():
            raise RecordError(f"{what}: {name} must rise from 0 to {whole} in {parts} steps, each by one or more.")
    if structure.kind.max() >= len(RESIDUE_KINDS):
        raise RecordError(f"{what}: kind {structure.kind.max()} is unknown; 0 to 4 are {', '.join(RESIDUE_KINDS)}.")
