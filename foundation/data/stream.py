"""Stream: windows of masked, packed samples, each a pure function of its index, for training and for ordered passes.

Because any window can be made without the ones before it, the order of samples does not depend on the number of
loader processes, and a run resumes from two integers: the window and the batch in it.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from foundation.batch import TokenBatch, pack
from foundation.data.dealing import Dealing
from foundation.data.packing import balanced, consecutive, elements
from foundation.data.shards import ShardError, TokenSample, TokenShards
from foundation.errors import FoundationError
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Space

_MEMBERS, _SHUFFLE, _REVEAL = range(3)  # what a seed is for; keeps the three kinds of draw independent


class _Masked(Dataset):
    """What the two orders share: which tokens, how they are masked and packed, and for which rank."""

    def __init__(
        self,
        shards: TokenShards,
        policy: MaskingPolicy,
        spaces: Sequence[Space],
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        window: int = 512,
        tokens_per_batch: int = 16384,
    ) -> None:
        _check(shards, world, rank)
        self.shards, self.policy, self.spaces = shards, policy, tuple(spaces)
        self.seed, self.rank, self.world = seed, rank, world
        self.window, self.tokens_per_batch = window, tokens_per_batch
        self._faults: dict[int, str] = {}

    def faults(self) -> dict[int, str]:
        """Members left out of the windows made since this was last asked, each with what is wrong with it."""
        faults, self._faults = self._faults, {}
        return faults

    def _reveal(self, samples: Sequence[TokenSample], draw: int, policy: MaskingPolicy) -> list[Int[Tensor, "_"]]:
        """Reveal steps of each sample, from a generator of its own; an empty sample gives an empty vector."""
        seeds = np.random.SeedSequence((self.seed, _REVEAL, draw)).generate_state(len(samples), np.uint64).tolist()
        generator = torch.Generator()
        reveals = []
        for sample, seed in zip(samples, seeds, strict=True):
            generator.manual_seed(seed)
            reveals.append(policy(sample.tokens, generator) if len(sample) else sample.tokens.ids)
        return reveals

    def _pack(
        self, samples: Sequence[TokenSample], reveals: Sequence[Int[Tensor, "_"]], batches: Sequence[Sequence[int]]
    ) -> list[TokenBatch]:
        return [pack([(samples[i].tokens, reveals[i]) for i in batch], self.spaces) for batch in batches]


class TokenStream(_Masked):
    """An endless sequence of windows for one rank; `stream[w]` is the list of batches of window w.

    `dealing` says which members a window has; their samples are shuffled together. Each draw of a sample has its own
    seed for the masking policy. A member that cannot be read is left out of its window, and `faults` says so.

    Args:
        shards: where the tokens are.
        policy: what is given and what is asked.
        spaces: the model's spaces.
        seed: of everything random here.
        rank: of this process, below `world`.
        world: number of processes that share the data.
        window: samples shuffled and packed together, rounded to whole members.
        tokens_per_batch: most elements a batch may have.

    Raises:
        FoundationError: no tokens of these spaces, or fewer members than ranks.
    """

    @cached_property
    def dealing(self) -> Dealing:
        """Which members each window has; replaced in a run that goes on with another number of ranks."""
        return Dealing(self.world, max(1, round(self.window * self.shards.members / len(self.shards))))

    def __getitem__(self, window: int) -> list[TokenBatch]:
        """The batches of one window that no earlier dealing handed out; windows are endless."""
        samples, reveals = self.draw(window)
        return self._pack(samples, reveals, self._batches(window, reveals))

    def keys(self, window: int, batch: int) -> list[str]:
        """Keys of the samples in one batch of a window."""
        samples, reveals = self.draw(window)
        return [samples[i].key for i in self._batches(window, reveals)[batch]]

    def _batches(self, window: int, reveals: Sequence[Int[Tensor, "_"]]) -> Sequence[Sequence[int]]:
        """Which samples of the window are in which batch."""
        used = self.dealing.window(self.rank, window).used
        return balanced(elements(reveals), self.tokens_per_batch)[used:] if reveals else []

    def draw(self, window: int) -> tuple[list[TokenSample], list[Int[Tensor, "_"]]]:
        """The shuffled samples of a window with their reveal steps; samples without tokens are left out."""
        turns = self.dealing.window(self.rank, window).turns
        samples, reveals = [], []
        for turn in turns:
            member = self._readable(self._member(turn))
            samples += member
            seen = turn * len(self.shards) / self.shards.members
            reveals += self._reveal(member, turn, self.policy.after(seen))
        order = np.random.default_rng((self.seed, _SHUFFLE, turns[0])).permutation(len(samples)).tolist()
        order = [i for i in order if len(samples[i])]
        return [samples[i] for i in order], [reveals[i] for i in order]

    def _readable(self, index: int) -> list[TokenSample]:
        try:
            return self.shards.member(index)
        except ShardError as error:
            self._faults[index] = str(error)
            return []

    def _member(self, turn: int) -> int:
        epoch, place = divmod(turn, self.shards.members)
        return int(_permutation(self.seed, epoch, self.shards.members)[place])

    @property
    def identity(self) -> dict[str, object]:
        """What must be equal for a saved position to mean the same batch."""
        return {
            "seed": self.seed,
            "data": self.shards.manifest.fingerprint,
            "spaces": [s.name for s in self.shards.spaces],
            "policy": repr(self.policy),
            "tokens_per_batch": self.tokens_per_batch,
            "members_per_window": self.dealing.size,
        }


class OrderedPass(_Masked):
    """Every sample once, in the order written, for validation and encoding; arguments as `TokenStream`.

    `ordered[w]` is this rank's share of window w: all ranks get the same number of batches, so that none waits for
    another, and together they hold each sample once. Masks depend on the seed and on the sample's place only. A member
    that cannot be read is an error: a pass over less would not compare with the others.
    """

    @cached_property
    def _bounds(self) -> list[int]:
        sizes = [member.samples for _, member in self.shards.manifest.members]
        return _window_bounds(sizes, max(self.window, self.world))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._bounds) - 1

    def __getitem__(self, window: int) -> list[TokenBatch]:
        """This rank's batches of one window."""
        samples, reveals, batches = self._plan(window)
        return self._pack(samples, reveals, batches[self.rank :: self.world])

    def count(self) -> int:
        """Number of batches of this rank in the whole pass; draws every mask to find out."""
        return sum(len(self._plan(w)[2]) for w in range(len(self))) // self.world

    def _plan(self, window: int) -> tuple[list[TokenSample], list[Int[Tensor, "_"]], list[list[int]]]:
        samples, reveals = [], []
        for index in range(self._bounds[window], self._bounds[window + 1]):
            member = self.shards.member(index)
            drawn = self._reveal(member, index, self.policy)
            samples += [s for s in member if len(s)]
            reveals += [r for r in drawn if len(r)]
        if not samples:
            return [], [], []
        return samples, reveals, consecutive(elements(reveals), self.tokens_per_batch, self.world)


def _window_bounds(sizes: Sequence[int], window: int) -> list[int]:
    """Members at which windows of at least `window` samples begin, and the end; the rest joins the last window."""
    bounds, held = [0], 0
    for index, size in enumerate(sizes, 1):
        held += size
        if held >= window:
            bounds.append(index)
            held = 0
    return [*(bounds if len(bounds) == 1 else bounds[:-1]), len(sizes)]


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, members: int) -> Int[np.ndarray, "members"]:
    return np.random.default_rng((seed, _MEMBERS, epoch)).permutation(members)


def _check(shards: TokenShards, world: int, rank: int) -> None:
    tokens = sum(shards.manifest.statistics.get(s.name, {}).get("tokens", 0) for s in shards.spaces)
    if not tokens:
        names = ", ".join(s.name for s in shards.spaces)
        raise FoundationError(f"{shards.path}: holds no token of {names}. Choose other `modalities`.")
    if shards.members < world:
        raise FoundationError(
            f"{shards.path}: has {shards.members} members for {world} ranks. Write {len(shards)} samples with "
            f"`samples_per_member` of at most {max(1, len(shards) // world)}, or use fewer ranks."
        )
    if not 0 <= rank < world:
        raise FoundationError(f"Rank {rank} of {world} ranks does not exist. Give a rank from 0 to {world - 1}.")
