"""A directory of structures beside a genome: tracks of the proteins that its files are named after."""

import pytest

from foundation.__main__ import main
from foundation.data.shards import RecordShards


def pdb_of(count):
    """A chain of so many alanines, a carbon each."""
    lines = [
        f"ATOM  {i:5d}  CA  ALA A{i:4d}    {5.0 * i:8.3f}{0:8.3f}{0:8.3f}  1.00{60 + i:6.2f}           C"
        for i in range(1, count + 1)
    ]
    return "\n".join([*lines, "TER", "END"]) + "\n"


def test_structures_in_a_directory_become_tracks_of_the_proteins_they_are_named_after(make_genome, tmp_path, capsys):
    genome = make_genome()
    files = [str(genome.write_fasta(tmp_path / "g.fa")), str(genome.write_gff(tmp_path / "g.gff3"))]
    assert main(["genes", "ingest", *files, f"--out={tmp_path / 'plain'}"]) == 0
    lengths = {s.key: len(s["aa_seq"].letters) for s in RecordShards(tmp_path / "plain") if "aa_seq" in s}
    one, other, third = list(lengths)[:3]
    (tmp_path / "s").mkdir()
    for name, count in ((one, lengths[one]), (f"p-{other}", lengths[other]), (third, lengths[third] + 1)):
        (tmp_path / "s" / f"{name}.pdb").write_text(pdb_of(count))
    assert main(["genes", "ingest", *files, f"predicted={tmp_path / 's'}", f"--out={tmp_path / 'rows'}"]) == 0
    rows = {s.key: s for s in RecordShards(tmp_path / "rows")}
    assert (
        {key for key, s in rows.items() if "sasa" in s} == {one, other} == {k for k, s in rows.items() if "plddt" in s}
    )
    assert rows[one]["plddt"].values.tolist() == [61 + i for i in range(lengths[one])]
    assert f"{lengths[third] + 1} places of sasa and {lengths[third]} residues" in capsys.readouterr().out
    assert main(["genes", "ingest", *files, f"surfaces={tmp_path / 's'}", f"--out={tmp_path / 'surfaced'}"]) == 0
    surfaced = {s.key: s for s in RecordShards(tmp_path / "surfaced") if "masif_charge" in s}
    assert set(surfaced) == {one, other} and "sasa" not in surfaced[one]
    assert (surfaced[one]["masif_si_index"].values > 0.95).all(), "carbons far apart are knobs"
    capsys.readouterr()
    assert main(["genes", "ingest", *files, f"atac={tmp_path / 's'}", f"--out={tmp_path / 'rows'}"]) == 1
    assert "is a directory" in capsys.readouterr().err


def test_whole_backbones_give_states_and_structures_too(make_genome, write_complex, tmp_path, capsys):
    pytest.importorskip("mdtraj")
    genome = make_genome()
    files = [str(genome.write_fasta(tmp_path / "g.fa")), str(genome.write_gff(tmp_path / "g.gff3"))]
    assert main(["genes", "ingest", *files, f"--out={tmp_path / 'plain'}"]) == 0
    letters = {s.key: s["aa_seq"].letters for s in RecordShards(tmp_path / "plain") if "aa_seq" in s}
    one = next(iter(letters))
    write_complex(tmp_path / "s" / f"{one}.cif", {"A": "A" * len(letters[one])}, {})
    assert main(["genes", "ingest", *files, f"structures={tmp_path / 's'}", f"--out={tmp_path / 'rows'}"]) == 0
    [row] = [s for s in RecordShards(tmp_path / "rows") if "prot_struct" in s]
    assert row.key == one and len(row["dssp"]) == len(row["prot_struct"]) == len(letters[one])
    assert row["dssp"].categories[row["dssp"].values[len(letters[one]) // 2]] == "H"
    assert row["prot_struct"].backbone[1].all() and "plddt" not in row
