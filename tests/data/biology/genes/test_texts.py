"""Words about transcripts: named by transcript, gene or protein, or for all of them."""

from foundation.__main__ import main
from foundation.data.shards import RecordShards


def test_words_go_to_those_they_name_and_to_all_others_with_a_star(make_genome, tmp_path, capsys):
    genome = make_genome()
    files = [str(genome.write_fasta(tmp_path / "g.fa")), str(genome.write_gff(tmp_path / "g.gff3"))]
    coding = [m.name for m in genome.made if m.coding]
    one, other = genome.made[0].name, coding[-1]
    (tmp_path / "c.tsv").write_text(f"{one}\tof  this one\n*\tof all\ngene-{other}\tof a gene\n")
    (tmp_path / "f.tsv").write_text(f"p-{other}\tbinds RNA\n")
    command = ["genes", "ingest", *files, f"context={tmp_path / 'c.tsv'}", f"caption={tmp_path / 'f.tsv'}"]
    assert main([*command, f"--out={tmp_path / 'rows'}"]) == 0
    rows = {s.key: s for s in RecordShards(tmp_path / "rows")}
    told = {key: s["context"].words for key, s in rows.items()}
    assert told == {key: {one: "of this one", other: "of a gene"}.get(key, "of all") for key in rows}
    assert {key: s["caption"].words for key, s in rows.items() if "caption" in s} == {other: "binds RNA"}
    (tmp_path / "c.tsv").write_text("without words\n")
    assert main([*command, f"--out={tmp_path / 'rows'}"]) == 1
    assert "c.tsv, line 1" in capsys.readouterr().err
