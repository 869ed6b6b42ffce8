"""ZeroStrategy: ZeRO 1, 2 and 3 by DeepSpeed, on CUDA and on the CPU, with the checkpoints of every other strategy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.seed import reset_seed
from lightning.pytorch.accelerators.cuda import CUDAAccelerator
from lightning.pytorch.plugins.precision.deepspeed import DeepSpeedPrecision
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from foundation.training.strategy.zero_state import DealtOptimizer, deal_weights, whole_weights


class ZeroPrecision(DeepSpeedPrecision):
    """float32 weights, with autocast by DeepSpeed if asked; what comes in stays as it is, positions in float64 too."""

    def convert_module(self, module: nn.Module) -> nn.Module:
        """As it is."""
        return module

    def convert_input(self, data: Any) -> Any:  # noqa: ANN401 - Lightning's own
        """As it is."""
        return data

    def backward(self, tensor: Tensor, model: pl.LightningModule, *args: Any, **options: Any) -> None:  # noqa: ANN401
        """By DeepSpeed, which would divide by the micro-batches of a step once more than Lightning does."""
        model.trainer.model.backward(tensor, scale_wrt_gas=False)  # pyright: ignore


class ZeroStrategy(DeepSpeedStrategy):
    """A DeepSpeed engine whose checkpoints are single files with whole tensors by name.

    Such a file does not depend on the number of ranks or on the stage: any strategy goes on from it. Rank 0 gathers the
    tensors one by one on its CPU, which takes 12 bytes a parameter there.

    Args:
        stage: 1 deals out optimiser states, 2 gradients too, 3 weights too.
        precision: "32-true" or "bf16-mixed"; with the latter linear maps also travel in bfloat16.
        timeout: after which a rank gives up waiting for another.
    """

    def __init__(self, stage: int, precision: str, timeout: timedelta) -> None:
        plugin = ZeroPrecision(precision)  # pyright: ignore[reportArgumentType] - one of Lightning's
        super().__init__(stage=stage, logging_batch_size_per_gpu=1, precision_plugin=plugin, timeout=timeout)
        assert isinstance(self.config, dict)
        self.config["torch_autocast"] = {"enabled": precision == "bf16-mixed", "dtype": "bfloat16"}
        self.config["steps_per_print"] = None

    @property
    def root_device(self) -> torch.device:
        """DeepSpeed wants a number also on the CPU."""
        return super().root_device if self._is_cuda else torch.device("cpu", 0)

    @property
    def _is_cuda(self) -> bool:
        return isinstance(self.accelerator, CUDAAccelerator)

    def setup_environment(self) -> None:
        """As the parent, which refuses the CPU."""
        DDPStrategy.setup_environment(self)

    def setup_distributed(self) -> None:
        """As the parent, which refuses the CPU here too."""
        if self._is_cuda:
            return super().setup_distributed()
        reset_seed()
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @contextmanager
    def model_sharded_context(self) -> Iterator[None]:
        """Inside, stage 3 deals out each module's weights once it is made; what is drawn is drawn as without."""
        from deepspeed import zero

        self._init_config_if_needed()
        dealing = {"enabled": self.zero_stage_3, "mem_efficient_linear": False, "tensor_overrides": []}
        with zero.Init(config_dict_or_path=self.config, **dealing):
            yield

    def _format_config(self) -> None:
        """Without the parent's precision, which would round weights and inputs to bfloat16."""
        self._format_batch_size_and_grad_accum_config()

    def _setup_model_and_optimizer(
        self, model: nn.Module, optimizer: Optimizer | None, lr_scheduler: LRScheduler | None = None
    ) -> tuple[Any, Any]:
        groups = [list(group["params"]) for group in optimizer.param_groups] if optimizer else []
        engine, zero = super()._setup_model_and_optimizer(model, optimizer, lr_scheduler)
        self.dealt = DealtOptimizer(zero, groups)
        return engine, zero

    @property
    def gradient_norm(self) -> float:
        """Of the last step, over all ranks, before clipping; infinite if the step was left out."""
        return float(self.deepspeed_engine.get_global_grad_norm() or 0.0)

    @property
    def lightning_restore_optimizer(self) -> bool:
        """By `load_optimizer_state_dict`."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Tensor]:
        """Whole tensors by name; of rank 0 alone."""
        assert self.lightning_module is not None
        return whole_weights(self.lightning_module, self.is_global_zero)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """As the optimiser would have it on one process; of rank 0 alone."""
        return self.dealt.whole(self.is_global_zero)

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:  # noqa: ANN401
        """One file, written by rank 0."""
        if self.is_global_zero:
            self.checkpoint_io.save_checkpoint(checkpoint, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ANN401
        """The same file on every rank."""
        return self.checkpoint_io.load_checkpoint(checkpoint_path)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Deal whole weights out."""
        assert self.lightning_module is not None
        deal_weights(self.lightning_module, checkpoint["state_dict"])

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Deal whole optimiser states out."""
        self.dealt.deal(checkpoint["optimizer_states"][0])
