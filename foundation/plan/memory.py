"""memory: bytes on each GPU under each strategy of training.

Weights, gradients and the two moments of AdamW are in float32, four bytes each for every parameter. Which of them a
rank keeps whole is what strategies differ in (ZeRO, arXiv:1910.02054, section 5; PyTorch FSDP, arXiv:2304.11277).
"""

from dataclasses import dataclass

from foundation.plan.demand import FLOAT32, Demand

STRATEGIES = ("ddp", "zero1", "zero2", "zero3", "fsdp")
BUCKET = 200_000_000  # gradients that DeepSpeed reduces at once, as Lightning sets it
PREFETCHED = 2  # blocks whose weights are whole at the same time in sharded training
CONTEXT = 1.5e9  # bytes of the CUDA context, cuBLAS and NCCL; assumed


@dataclass(frozen=True)
class Memory:
    """Bytes on one GPU.

    Args:
        states: weights, gradients and optimiser states.
        gathered: weights or gradients that are whole for a while, and copies in bfloat16.
        activations: for the backward pass of a micro-batch.
    """

    states: float
    gathered: float
    activations: float

    @property
    def total(self) -> float:
        """All of it, and what the libraries take."""
        return self.states + self.gathered + self.activations + CONTEXT


def memory(demand: Demand, strategy: str, ranks: int) -> Memory:
    """What one rank of `ranks` needs under one of STRATEGIES."""
    weights, trained = float(FLOAT32 * demand.parameters), float(FLOAT32 * demand.trained)
    moments, bucket = 2 * trained, float(FLOAT32 * min(BUCKET, demand.trained))
    block = float(FLOAT32 * (PREFETCHED * demand.block + demand.outside))
    dealt = {
        "ddp": (weights + trained + moments, demand.copies),
        # DeepSpeed steps a float32 copy of the share of the weights that a rank is responsible for
        "zero1": (weights + trained + (trained + moments) / ranks, demand.copies + bucket),
        "zero2": (weights + (2 * trained + moments) / ranks, demand.copies + 2 * bucket),
        "zero3": ((weights + 2 * trained + moments) / ranks, block + bucket),
        "fsdp": ((weights + trained + moments) / ranks, 2 * block),  # gathered weights, and gradients before they part
    }
    states, gathered = dealt[strategy]
    return Memory(states, gathered, demand.activations)
