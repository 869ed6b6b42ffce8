"""From rows to results: a model trained by the commands finds sites that letters near them do not tell."""

import json

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.data.shards import write_records

J = "splice_jctns_5cls"
YAML = f"""
system: tracks
data: {{tokens_per_batch: 3000, window: 128, workers: 0}}
model: {{width: 48, depth: 2, decoder_depth: 2, heads: 3, hidden: 96, registers: 2, rotated: 16, base: 300}}
policy:
  context: {{longest: 90, first: 60, samples: 1000}}
  pathways:
    - {{asked: [{J}], given: [rna_seq], known: {{{J}: [3, 4]}}}}
    - {{asked: [{J}], given: [rna_seq, phylop], known: {{{J}: [3, 4]}}}}
    - {{asked: [rna_seq], given: [rna_seq], optional: [{J}], weight: 0.3}}
optim: {{peak_rate: 4.0e-3, rare_codes: [{J}], space_weight: {{{J}: 4}}}}
trainer: {{accelerator: cpu, tensorboard: false, log_every: 50, checkpoint_every: 1000, validate_every: 1000}}
"""


def planted(i, seed):
    """A donor and an acceptor, in half of the rows decoys: a run of C some letters before tells them, UA says no."""
    rng = np.random.default_rng([seed, i])
    text, marks = rng.choice(list("ACGU"), 120), np.zeros(120, int)
    real = rng.random() < 0.5
    for place, motif, kind in ((40, "CAGGUAAGU", 2), (90, "UUUCUUUUCAG", 1)):
        text[place - 3 : place - 3 + len(motif)] = list(motif)
        text[place - 24 : place - 14] = list("CCCCCCCCCC" if real else "UAUAUAUAUA")
        marks[place + (0 if kind == 2 else 7)] = kind * real
    marks[4], marks[115] = 3, 4
    signal = (marks > 0) * 3.0 + rng.normal(0, 1, 120)
    records = {
        "rna_seq": Sequence("".join(text), "rna"),
        J: Track(marks, ("none", "acceptor", "donor", "start", "end")),
        "phylop": Track(signal.astype(np.float32)),
    }
    return Sample(f"t{i}", records, {"gene": f"g{i}"})


@pytest.mark.slow
def test_a_trained_model_beats_letters_near_a_site_and_a_track_helps(tmp_path):
    for name, seed, count in (("train", 0, 400), ("test", 1, 80)):
        write_records([planted(i, seed) for i in range(count)], tmp_path / name)
    (tmp_path / "c.yaml").write_text(YAML)
    train, tokenizers, tokens = (str(tmp_path / name) for name in ("train", "tokenizers", "tokens"))
    assert not main(["tokenize", "tracks", train, "--out", tokenizers, "--bins=16"])
    assert not main(["tokenize", "apply", train, f"--tokenizers={tokenizers}", f"--out={tokens}"])
    more = [f"--tokenizers={tokenizers}", f"--out={tmp_path / 'run'}", "--trainer.max_steps=300"]
    assert not main(["train", "--config", str(tmp_path / "c.yaml"), f"--data.train={tokens}", *more])
    asked = ["genes", "evaluate", str(tmp_path / "run" / "export"), str(tmp_path / "test"), f"--fitted={train}"]
    assert not main([*asked, f"--out={tmp_path / 'out'}"])
    tasks = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]
    found = {
        kind: {way["name"]: way["scores"]["average_precision"]["value"] for way in tasks[f"{kind}s of 80 transcripts"]}
        for kind in ("donor", "acceptor")
    }
    for kind, ways in found.items():
        assert ways["weight matrix"] < 0.75 and ways["rna_seq"] > 0.9, (kind, ways)
        assert ways["rna_seq + phylop"] > ways["weight matrix"] + 0.2, (kind, ways)
