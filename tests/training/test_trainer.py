"""The trainer that a TrainerConfig describes, and the configuration of the published size."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, RichProgressBar

from foundation.__main__ import main
from foundation.config import ModelConfig, OptimConfig
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space
from foundation.training import lines, resolved, trainer
from foundation.training.checkpoint import CheckpointFile, StepCheckpoint
from foundation.training.curves import Curves
from foundation.training.lines import ProgressLines
from foundation.training.run import Run
from foundation.training.trainer import TrainerConfig, build_trainer

BASE = Path(__file__).parents[2] / "configs" / "aion_base.yaml"
CPU = TrainerConfig(accelerator="cpu", tensorboard=False)


def kinds(built):
    return [type(c) for c in built.callbacks]


def test_durations_are_in_optimiser_steps(tmp_path):
    config = TrainerConfig(max_steps=50, accelerator="cpu", accumulate=4, validate_every=10, checkpoint_every=20)
    built = build_trainer(config, OptimConfig(clip_norm=0.5), tmp_path, validates=True)
    assert (built.max_steps, built.accumulate_grad_batches, built.val_check_interval) == (50, 4, 40)
    assert built.gradient_clip_val == 0.5
    assert isinstance(built.strategy.checkpoint_io, CheckpointFile)


def test_rows_are_written_before_checkpoints(tmp_path):
    built = kinds(build_trainer(CPU, OptimConfig(ema_decay=0.9), tmp_path, validates=True))
    assert built.index(Curves) < built.index(StepCheckpoint)
    assert built.index(EMAWeightAveraging) < built.index(StepCheckpoint)


def test_what_is_not_asked_for_is_not_there(tmp_path):
    built = build_trainer(CPU, OptimConfig(clip_norm=0.0), tmp_path, validates=False)
    assert EMAWeightAveraging not in kinds(built)
    assert ModelCheckpoint not in kinds(built)  # the best of no validation
    assert built.gradient_clip_val is None
    assert [type(logger).__name__ for logger in built.loggers] == ["MetricsFile"]


def test_extra_options_reach_lightning(tmp_path):
    extra = TrainerConfig(accelerator="cpu", tensorboard=False, extra={"overfit_batches": 3})
    assert build_trainer(extra, OptimConfig(), tmp_path, validates=False).overfit_batches == 3


@pytest.mark.parametrize(
    ("package", "options"), [("tensorboard", {}), ("wandb", {"wandb": "sky", "tensorboard": False})]
)
def test_missing_logger_is_a_sentence(package, options, tmp_path, monkeypatch):
    def missing(*args, **kwargs):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("lightning.pytorch.loggers.TensorBoardLogger.__init__", missing)
    monkeypatch.setattr("lightning.pytorch.loggers.WandbLogger.__init__", missing)
    with pytest.raises(FoundationError, match="pip install"):
        build_trainer(TrainerConfig(accelerator="cpu", **options), OptimConfig(), tmp_path, validates=False)


def test_unused_packages_are_not_imported():
    code = (
        "import sys; from pathlib import Path; from foundation.training import train; from foundation.config import *;"
        "from foundation.training.trainer import *;"
        "build_trainer(TrainerConfig(accelerator='cpu', tensorboard=False), OptimConfig(), Path('nowhere'), False);"
        "print([m for m in ('wandb', 'deepspeed', 'tensorboard') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_progress_is_a_bar_only_on_a_terminal(monkeypatch):
    assert isinstance(lines.progress(10), ProgressLines)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(lines.progress(10), RichProgressBar)


def test_without_a_gpu_training_is_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert trainer._accelerator("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert trainer._accelerator("auto") == "auto"


def test_published_size_has_the_published_parameters():
    """Encoder and decoder stacks of AION-1 base have 84,954,624 and 113,286,144 parameters, norm biases left out."""
    options = yaml.safe_load(BASE.read_text())
    config = ModelConfig(**options["model"])
    assert config == ModelConfig()
    grid = (Axis("x", "", 0.0, 23.0, 1.0), Axis("y", "", 0.0, 23.0, 1.0))
    with torch.device("meta"):
        model = FoundationTransformer(config, [Space("image", "discrete", 10000, grid)])
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model.encoder, model.decoder)]
    assert sizes == [84_954_624, 113_286_144]


def test_published_configuration_is_accepted_and_is_the_default(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--config", str(BASE), "--data.train=tokens", "--out=run", "--print_config"])
    assert stop.value.code == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert found["trainer"]["max_steps"] == 205_000
    assert found["optim"] == json.loads(json.dumps(asdict(OptimConfig())))  # YAML has lists where Python has tuples
    assert found["policy"] == {
        "class_path": "foundation.masking.RandomBudget",
        "init_args": resolved.by_class(RandomBudget())["init_args"],
    }


@pytest.mark.parametrize("way", ["zero1", "zero2", "zero3", "fsdp"])
def test_what_needs_whole_weights_is_refused_without_them(way, tmp_path):
    run = Run(tmp_path, TrainerConfig(strategy=way), {})
    with pytest.raises(FoundationError, match=f"muon with --trainer.strategy {way}"):
        run._check(OptimConfig(kind="muon"))
    if way in ("zero3", "fsdp"):
        with pytest.raises(FoundationError, match="no whole weights to average"):
            run._check(OptimConfig(ema_decay=0.9))
