"""A directory of made-up complexes of six proteins, and a config that is done with them in seconds."""

import numpy as np
import pytest

YAML = """
system: anchored
data: {train: complexes, held_out: 0.2, draws: 2, batch: 3, longest: 12, workers: 0}
model: {width: 16, protein_depth: 1, depth: 1, heads: 2, dim: 8, points: 2, value_points: 2, hidden: 16}
optim: {peak_rate: 0.01, weight_decay: 0.0}
trainer: {max_steps: 4, accelerator: cpu, tensorboard: false, log_every: 1, checkpoint_every: 2, validate_every: 2}
"""


@pytest.fixture(scope="session")
def complexes(tmp_path_factory, write_complex):
    """Files of six proteins before strands of RNA or DNA."""
    directory = tmp_path_factory.mktemp("made") / "complexes"
    rng = np.random.default_rng(0)
    for number in range(6):
        protein = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 24))
        strand = "".join(rng.choice(list("ACGT" if number % 2 else "ACGU"), 18))
        write_complex(directory / f"c{number}.{'pdb' if number == 5 else 'cif'}", {"A": protein}, {"R": strand})
    return directory


@pytest.fixture
def run_directory(complexes, tmp_path, monkeypatch):
    """A working directory with the config and the complexes."""
    (tmp_path / "complexes").symlink_to(complexes)
    (tmp_path / "c.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path
