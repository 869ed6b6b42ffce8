"""Cluster: what the makers say of the machines, and the shares of it that a run is assumed to reach."""

from dataclasses import dataclass

from foundation.errors import FoundationError


@dataclass(frozen=True)
class Cluster:
    """The defaults are eight NVIDIA H200 SXM a node (NVIDIA's data sheet of the H200) and one 400 Gb/s port a GPU.

    Args:
        bfloat16: dense operations per second of one GPU in bfloat16.
        float32: the same in float32; TF32 is off unless asked for.
        memory: bytes of one GPU.
        gpus_per_node: GPUs that share fast links.
        inside: bytes per second that one GPU sends over those links.
        between: bytes per second of the port of one GPU to other nodes.
        mfu: assumed share of the peak that useful operations reach, communication aside.
        link: assumed share of a link's rate that collectives reach.
        overlap: assumed share of the backward pass during which gradients can travel.

    Raises:
        FoundationError: a number that is not positive, or a share above 1.
    """

    bfloat16: float = 989e12
    float32: float = 67e12
    memory: float = 141e9
    gpus_per_node: int = 8
    inside: float = 450e9
    between: float = 50e9
    mfu: float = 0.35
    link: float = 0.8
    overlap: float = 0.8

    def __post_init__(self) -> None:
        numbers = (self.bfloat16, self.float32, self.memory, self.gpus_per_node, self.inside, self.between)
        shares = (self.mfu, self.link, self.overlap)
        if min(numbers) <= 0 or not all(0 < share <= 1 for share in shares):
            raise FoundationError(f"{self}: rates and sizes must be positive, and shares above 0 and at most 1.")

    def peak(self, precision: str) -> float:
        """Operations per second of one GPU, for one of Lightning's names of a precision."""
        return self.bfloat16 if precision.startswith("bf16") else self.float32

    def bandwidth(self, gpus: int) -> float:
        """Bytes per second that each of so many GPUs sends in a collective over all of them.

        Between nodes a collective is cut in as many rings as a node has ports, each of which crosses by one of them.
        """
        ports = self.gpus_per_node * self.between
        return self.link * (self.inside if gpus <= self.gpus_per_node else min(self.inside, ports))
