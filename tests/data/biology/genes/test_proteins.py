"""Rows of protein chains from structure files."""

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.data.biology.residues import residue_count
from foundation.data.biology.surface import SURFACE, surface_tracks
from foundation.data.formats.structure import read_structure
from foundation.data.shards import RecordShards
from foundation.tokenizers.tracks import survey, tokenizers_of

pytest.importorskip("mdtraj")


def test_real_files_give_a_row_for_each_protein_chain(bio_data, tmp_path, capsys):
    files = [bio_data / "structure" / name for name in ("1A8O.cif", "2q2k.cif", "1gid.cif.gz", "3zee.cif")]
    assert main(["genes", "proteins", *map(str, files), f"--out={tmp_path / 'rows'}"]) == 0
    rows = {s.key: s for s in RecordShards(tmp_path / "rows")}
    assert [s.labels["gene"] for s in rows.values()] == ["1A8O", "2Q2K", "2Q2K", "3ZEE"]
    assert rows["1A8O"]["aa_seq"].letters.startswith("MDIRQGPKEPF")
    for row in rows.values():
        assert set(row) == {"aa_seq", "sasa", "dssp", "prot_struct"}
        length = len(row["aa_seq"])
        assert {residue_count(row[name]) for name in ("sasa", "dssp", "prot_struct")} == {length}
        places, backbone = row["prot_struct"].label - 1, row["prot_struct"].letters
        assert "".join(row["aa_seq"].letters[i] for i in places) == backbone
    said = capsys.readouterr().out
    assert "has no protein" in said and "4 rows of 4 files, 1 of which gave none" in said
    made = tokenizers_of(survey(RecordShards(tmp_path / "rows")), 8, {})
    assert {name: t.config.track for name, t in made.items()} == {"aa_seq": 0, "sasa": 0, "dssp": 0}


def test_surfaces_are_tracks_of_their_own(bio_data, tmp_path):
    files = [str(bio_data / "structure" / name) for name in ("1A8O.cif", "2q2k.cif")]
    assert main(["genes", "proteins", *files, "--surface", f"--out={tmp_path / 'rows'}"]) == 0
    rows = list(RecordShards(tmp_path / "rows"))
    for row in rows:
        assert set(SURFACE) < set(row) and {len(row[name]) for name in SURFACE} == {len(row["aa_seq"])}
        assert (row["masif_n_vertices"].known == (row["masif_n_vertices"].values > 0)).all()
    one = surface_tracks(read_structure(files[0]))["masif_charge"]
    charge = rows[0]["masif_charge"]
    assert np.array_equal(charge.values[charge.known], one[~np.isnan(one)]), "1A8O has one chain and no ligand"
    made = tokenizers_of(survey(RecordShards(tmp_path / "rows")), 8, {})
    assert {made[name].config.track for name in SURFACE} == {0} == {made["aa_seq"].config.track}
    (tokens,) = made["masif_charge"].encode([charge])
    assert len(tokens) == 70 and len(tokens.ids[torch.from_numpy(charge.known)].unique()) == 8


def test_a_bad_file_stops_a_strict_reading_and_nothing_is_no_data_set(write_complex, bio_data, tmp_path, capsys):
    good = write_complex(tmp_path / "good.cif", {"A": "A" * 20}, {})
    (tmp_path / "bad.cif").write_bytes(b"data_x\nloop_\n_atom_site.id\n")
    command = ["genes", "proteins", str(good), str(tmp_path / "bad.cif"), f"--out={tmp_path / 'rows'}"]
    assert main([*command, "--strict"]) == 1
    assert not (tmp_path / "rows").exists()
    twin = write_complex(tmp_path / "again" / "good.cif", {"A": "A" * 30}, {})
    assert main([*command[:3], str(twin), *command[3:]]) == 0
    first, again = RecordShards(tmp_path / "rows")
    assert again.key == f"{first.key}~2" and len(again["aa_seq"]) == 30
    assert main(["genes", "proteins", str(bio_data / "structure" / "1gid.cif.gz"), f"--out={tmp_path / 'r'}"]) == 1
    assert "nothing was written" in capsys.readouterr().err
