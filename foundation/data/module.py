"""FoundationDataModule: token shards on disk to batches for Lightning, on every rank."""

from foundation.batch import TokenBatch
from foundation.config import DataConfig
from foundation.data.loader import OrderedLoader, RankedLoader
from foundation.data.ranked import RankedData
from foundation.data.shards import TokenShards
from foundation.data.steps import InSteps
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Space


class FoundationDataModule(RankedData):
    """Loaders for training (endless, shuffled, resumable) and validation (every sample once, same masks each time).

    Args:
        config: where the shards are, and the size of batches.
        policy: what is given and what is asked.
        seed: of sample order and masks.
        batches: micro-batches of one rank in the whole run, steps times accumulation.

    Raises:
        FoundationError: shards that cannot be used, or validation shards made with another tokenizer.
    """

    def __init__(self, config: DataConfig, policy: MaskingPolicy, seed: int, batches: int) -> None:
        super().__init__()
        self.config, self.policy, self.seed, self.batches = config, policy, seed, batches
        self.shards = TokenShards(config.train, config.modalities, "", config.cache, config.unreadable)
        self.validation = self._open_validation()

    def _open_validation(self) -> TokenShards | None:
        if self.config.validation is None:
            return None
        names = [s.name for s in self.shards.spaces]
        made_by = self.shards.manifest.tokenizer_hash
        validation = TokenShards(self.config.validation, names, made_by, self.config.cache)
        if set(validation.spaces) != set(self.shards.spaces):
            raise FoundationError(
                f"{validation.path}: its spaces differ in size or axes from those of {self.shards.path}. "
                "Tokenise both with the same tokenizers."
            )
        return validation

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces to train on, in the order of the shards."""
        return self.shards.spaces

    def train_dataloader(self) -> InSteps[TokenBatch]:
        """Batches of the whole run for this rank."""
        stream = TokenStream(self.shards, **self._arguments())
        return self.in_steps(RankedLoader(stream, self.batches, self.config.workers))

    def val_dataloader(self) -> OrderedLoader | list:
        """Each validation sample once over all ranks; an empty list if there is no validation set."""
        if self.validation is None:
            return []
        return OrderedLoader(OrderedPass(self.validation, **self._arguments()), self.config.workers)

    def _arguments(self) -> dict:
        rank, world = self.place
        return {
            "policy": self.policy,
            "spaces": self.spaces,
            "seed": self.seed,
            "rank": rank,
            "world": world,
            "window": self.config.window,
            "tokens_per_batch": self.config.tokens_per_batch,
        }
