"""From structure files to designs: a model trained by the commands recovers what the simulator's letters depend on."""

import json

import numpy as np
import pytest

from foundation.__main__ import main

SHOWN = "prot_struct, dssp, sasa"
YAML = f"""
system: tracks
data: {{tokens_per_batch: 1500, window: 64, workers: 0}}
model: {{width: 48, depth: 1, decoder_depth: 1, heads: 4, hidden: 96, registers: 1, rotated: 8, directional: 0}}
policy:
  pathways:
    - {{asked: [aa_seq], given: [{SHOWN}]}}
    - {{asked: [aa_seq], given: [aa_seq], optional: [{SHOWN}], weight: 0.5}}
optim: {{kind: muon, peak_rate: 4.0e-3}}
trainer: {{accelerator: cpu, tensorboard: false, log_every: 50, checkpoint_every: 1000, validate_every: 1000}}
"""
CODEC = """
structure: {nearest: 12, levels: [6, 5, 5], width: 32, heads: 2, decoder_width: 32, decoder_depth: 1, piece: 32}
training: {steps: 40, batch: 16, peak_rate: 5.0e-3, weight_decay: 0.01, held_out: 4, log_every: 20}
"""


@pytest.mark.slow
def test_designs_recover_more_than_chance_and_less_than_is_possible(tmp_path):
    pytest.importorskip("mdtraj")
    root = str(tmp_path)
    (tmp_path / "c.yaml").write_text(YAML)
    (tmp_path / "t.yaml").write_text(CODEC)
    sizes = ["--proteins=56", "--shortest=40", "--longest=60"]
    assert not main(["simulate", "proteins", f"--out={root}/p", *sizes])
    names = [f"protein{i}.cif" for i in range(56)]
    (tmp_path / "train").mkdir()
    for name in names[:50]:
        (tmp_path / "p" / "structures" / name).rename(tmp_path / "train" / name)
    assert not main(["genes", "proteins", f"{root}/train", f"--out={root}/rows"])
    assert not main(["tokenize", "tracks", f"{root}/rows", f"--out={root}/tok", "--bins=12"])
    assert not main(["tokenize", "train", f"--config={root}/t.yaml", f"--data={root}/rows", f"--out={root}/tok"])
    assert not main(["tokenize", "apply", f"{root}/rows", f"--tokenizers={root}/tok", f"--out={root}/tokens"])
    more = [f"--tokenizers={root}/tok", f"--out={root}/run", "--trainer.max_steps=120"]
    assert not main(["train", f"--config={root}/c.yaml", f"--data.train={root}/tokens", *more])
    truth = [json.loads(line) for line in (tmp_path / "p" / "truth.jsonl").read_text().splitlines()]
    found = []
    for name in names[50:]:
        asked = [f"{root}/run/export", f"{root}/p/structures/{name}", f"--out={root}/out", "--ways=[one-shot]"]
        assert not main(["genes", "inverse-fold", *asked, "--n=1", "--choice.temperature=0"])
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        found.append((results["ways"]["one-shot"]["recovery"], results["recovery_by_composition"]))
    recovered, chance = np.mean(found, 0)
    best = np.mean([line["recovery"] for line in truth[50:]])
    assert 1.25 * chance < recovered < best + 0.08, (recovered, chance, best)
