"""RankedData: a Lightning data module that knows which rank it reads for."""

from lightning import LightningDataModule


class RankedData(LightningDataModule):
    """Base of data modules whose streams deal samples to ranks themselves."""

    @property
    def place(self) -> tuple[int, int]:
        """This rank and the number of all; (0, 1) without a trainer."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
