"""ShardedStrategy: PyTorch's fully sharded data parallelism, with the checkpoints of every other strategy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from foundation.training.base import TrainingModule

STEPS = ("training_step", "validation_step")  # what asks for weights


class ShardedStrategy(ModelParallelStrategy):
    """Weights, gradients and optimiser states dealt out over all ranks, on CUDA and on the CPU.

    Each block gathers its weights when it is called; what lies outside blocks is gathered for the whole step.
    Checkpoints are single files with whole tensors by name, gathered one by one on the CPU of rank 0.

    Args:
        timeout: after which a rank gives up waiting for another.
    """

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(save_distributed_checkpoint=False, timeout=timeout)

    def setup_environment(self) -> None:
        """All ranks along one axis: data."""
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()

    def setup(self, trainer: pl.Trainer) -> None:
        """Deal the weights out, then as the parent."""
        module = self.lightning_module
        assert isinstance(module, TrainingModule)
        mesh = self.device_mesh["data_parallel"]
        for block in module.blocks():
            fully_shard(block, mesh=mesh)
        fully_shard(module, mesh=mesh)
        for name in STEPS:
            register_fsdp_forward_method(module, name)
        super().setup(trainer)

    @property
    def lightning_restore_optimizer(self) -> bool:
        """By `load_optimizer_state_dict`."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Tensor]:
        """Whole tensors by name; of rank 0 alone."""
        found = {}
        for name, tensor in self._tensors().items():
            full = _whole(tensor)
            if self.is_global_zero:
                found[name] = full
        return found

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Deal whole weights out."""
        with torch.no_grad():
            for name, tensor in self._tensors().items():
                tensor.copy_(_dealt(checkpoint["state_dict"][name], tensor))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """As the optimiser would have it on one process; of rank 0 alone."""
        state = _plain(optimizer).state_dict()
        whole = {
            number: {name: _whole(value) for name, value in of.items()} for number, of in state["state"].items()
        }  # every rank must gather every tensor
        return {**state, "state": whole if self.is_global_zero else {}}

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Deal whole optimiser states out."""
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            plain = _plain(optimizer)
            order = [p for group in plain.param_groups for p in group["params"]]
            dealt = {
                number: {name: _dealt(value, order[number]) for name, value in of.items()}
                for number, of in saved["state"].items()
            }
            plain.load_state_dict({**saved, "state": dealt})

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:  # noqa: ANN401
        """One file, written by rank 0."""
        if self.is_global_zero:
            self.checkpoint_io.save_checkpoint(checkpoint, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ANN401
        """The same file on every rank."""
        return self.checkpoint_io.load_checkpoint(checkpoint_path)

    def _tensors(self) -> dict[str, Tensor]:
        """This rank's shards of weights, and buffers, by name."""
        assert self.lightning_module is not None
        for part in self.lightning_module.modules():
            if isinstance(part, FSDPModule):
                part.reshard()
        return self.lightning_module.state_dict(keep_vars=True)


def _plain(optimizer: Any) -> Optimizer:  # noqa: ANN401 - Lightning may have wrapped it
    return getattr(optimizer, "_optimizer", optimizer)


def _whole(tensor: Any) -> Any:  # noqa: ANN401 - counters of steps stay as they are
    if not isinstance(tensor, Tensor):
        return tensor
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().cpu().clone()


def _dealt(full: Any, like: Tensor | nn.Parameter) -> Any:  # noqa: ANN401
    """The shards of a whole tensor; what has another shape, such as a counter, stays as it is."""
    if not isinstance(full, Tensor) or not isinstance(like, DTensor) or full.shape != like.shape:
        return full
    return distribute_tensor(full.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
