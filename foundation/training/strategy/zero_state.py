"""Weights and optimiser states of a DeepSpeed engine as whole tensors, and back; every rank must come along.

DeepSpeed flattens the parameters of a group and keeps a fragment of the flat tensor, and of each optimiser state, on
each rank. Checkpoints hold what the plain optimiser would: a state for each parameter, numbered group by group.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from deepspeed.utils import safe_get_full_optimizer_state, safe_set_full_fp32_param, safe_set_full_optimizer_state
from torch import Tensor, distributed, nn

from foundation.model.whole import whole, whole_shape


def whole_weights(module: nn.Module, kept: bool) -> dict[str, Tensor]:
    """The state dict of the module on the CPU, as it is on one process; empty where it is not kept."""
    found = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        with whole([tensor]) if isinstance(tensor, nn.Parameter) else whole([]):
            if kept:
                found[name] = tensor.detach().cpu().clone()
    return found


@torch.no_grad()
def deal_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Set weights and buffers, and the float32 copies of which the optimiser keeps fragments.

    Raises:
        KeyError: a weight is missing.
    """
    for name, tensor in module.state_dict(keep_vars=True).items():
        value = weights[name].to(tensor.device)
        with whole([tensor]) if isinstance(tensor, nn.Parameter) else whole([]):
            tensor.copy_(value)
        if tensor.requires_grad:
            _set(tensor, value, None)


class DealtOptimizer:
    """A DeepSpeed optimiser, with the order of its parameters before they were flattened.

    Args:
        zero: DeepSpeed's optimiser.
        groups: parameters of each group of the plain optimiser.
    """

    def __init__(self, zero: Any, groups: Sequence[Sequence[nn.Parameter]]) -> None:  # noqa: ANN401 - of two classes
        self.zero, self.groups = zero, groups

    @property
    def _flat(self) -> list[Tensor]:
        """This rank's fragments, of stage 3 or of the others."""
        sharded = hasattr(self.zero, "fp32_partitioned_groups_flat")
        return self.zero.fp32_partitioned_groups_flat if sharded else self.zero.single_partition_of_fp32_groups

    def _link(self) -> None:
        """Let parameters find their states: stages 1 and 2 do so after the first group's first step, too early."""
        if hasattr(self.zero, "_lazy_init_hp_params_optimizer_state"):
            self.zero._hp_optimizer_states_linked = False
            self.zero._lazy_init_hp_params_optimizer_state()

    def whole(self, kept: bool) -> dict[str, Any]:
        """The state dict of the plain optimiser on the CPU; without tensors where it is not kept."""
        plain, states, options, first = self.zero.optimizer, {}, [], 0
        some = next((plain.state[flat] for flat in self._flat if plain.state.get(flat)), {})
        self._link()
        for group, parameters in zip(plain.param_groups, self.groups, strict=True):
            numbers = range(first, first := first + len(parameters))
            options.append({k: v for k, v in group.items() if k != "params"} | {"params": list(numbers)})
            for number, parameter in zip(numbers, parameters, strict=True):
                states[number] = _gathered(parameter, some, kept)
        return {"state": states if some else {}, "param_groups": options}

    def deal(self, saved: Mapping[str, Any]) -> None:
        """Set the state that `whole` gave, on whatever number of ranks."""
        plain, order = self.zero.optimizer, [p for group in self.groups for p in group]
        for group, stored in zip(plain.param_groups, saved["param_groups"], strict=True):
            group.update({k: v for k, v in stored.items() if k != "params"})
        if not saved["state"]:
            return
        some = next(iter(saved["state"].values()))
        for flat in self._flat:
            place = flat.device if plain.param_groups[0].get("fused") else "cpu"
            zeros = {k: torch.zeros_like(flat) for k in _moments(some)}
            plain.state[flat] = zeros | {"step": some["step"].clone().to(place)}
        self._link()
        for number, parameter in enumerate(order):
            for name in _moments(some):
                _set(parameter, saved["state"][number][name].to(parameter.device), name)


def _moments(state: Mapping[str, Any]) -> list[str]:
    return [name for name in state if name != "step"]


def _gathered(parameter: nn.Parameter, some: Mapping[str, Any], kept: bool) -> dict[str, Tensor]:
    found = {}
    for name in _moments(some):
        tensor = safe_get_full_optimizer_state(parameter, name)
        assert tensor is not None
        if kept:
            found[name] = tensor.detach().reshape(whole_shape(parameter)).cpu().clone()
    return found | ({"step": some["step"].detach().cpu().clone()} if some else {})


def _set(parameter: nn.Parameter, value: Tensor, name: str | None) -> None:
    """Set this rank's fragment of the float32 copy of a parameter, or of a state of that name."""
    if not hasattr(parameter, "ds_id"):
        if name is None:
            safe_set_full_fp32_param(parameter, value)
        else:
            safe_set_full_optimizer_state(parameter, value, name)
        return
    share = parameter.ds_tensor.numel()  # pyright: ignore[reportAttributeAccessIssue] - DeepSpeed's own, padded
    flat = F.pad(value.flatten().float(), (0, share * distributed.get_world_size() - value.numel()))
    own = flat[distributed.get_rank() * share :][:share]
    parameter._z3_optimizer.set_local_hp_param(own, parameter, name)  # pyright: ignore[reportAttributeAccessIssue]
