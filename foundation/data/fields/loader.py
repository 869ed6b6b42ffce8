"""FieldLoader: micro-batches of a mix in turn, each asked for with the costs that its step is planned with."""

from collections.abc import Iterator, Mapping
from typing import Any

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.mix import FieldMix
from foundation.data.numbered import NumberedLoader


class FieldLoader(NumberedLoader[FieldBatch]):
    """As NumberedLoader; its state has the costs of the next steps too."""

    mix: FieldMix

    def keys(self, numbers: range) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Numbers with costs, for a process that reads ahead and may not know them yet."""
        return map(self.mix.planned, numbers)

    def state_dict(self) -> dict[str, Any]:
        """The position, what it refers to, and the costs that the next steps are planned with."""
        return super().state_dict() | self.mix.costs.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the saved position, with its costs."""
        super().load_state_dict(state)
        self.mix.costs.load_state_dict(state)
