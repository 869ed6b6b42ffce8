"""Live: the most memory that tensors made within a stretch of code took at once, counted and not sampled."""

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Live(TorchDispatchMode):
    """Counts the bytes of every tensor that operations inside make, until it is freed.

    Gradients of the parameters of `module` do not count, as their size is known. What an operation needs only while it
    runs is not seen.

    Args:
        module: whose gradients are left out.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.peak = self.now = self.gradients = 0
        self._counts = True
        self._seen: set[int] = {id(p.untyped_storage()) for p in module.parameters()}
        self._hooks = [
            p.register_post_accumulate_grad_hook(self._has_gradient) for p in module.parameters() if p.requires_grad
        ]

    def close(self) -> None:
        """Stop counting; the peak stays."""
        self._counts = False
        for hook in self._hooks:
            hook.remove()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        if self._counts:
            for tensor in (leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        if id(storage) in self._seen:  # torch keeps one Python object for a storage as long as it lives
            return
        self._seen.add(id(storage))
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now - self.gradients)
        weakref.finalize(storage, self._freed, id(storage), storage.nbytes())

    def _freed(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size

    def _has_gradient(self, parameter: nn.Parameter) -> None:
        if parameter.grad is not None:
            self.gradients += parameter.grad.nbytes
