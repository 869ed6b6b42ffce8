"""The mix of complexes: every draw is made once, by whichever rank, also where the number of ranks changes."""

import numpy as np
import pytest

from foundation.data.biology.complexes import complexes_of
from foundation.data.biology.draws import ClusterDraws
from foundation.data.formats.structure import read_structure
from foundation.data.numbered import NumberedLoader
from foundation.training.anchored.examples import ComplexExamples
from foundation.training.anchored.mix import AnchoredMix


class Recorded(ClusterDraws):
    """Draws that note their numbers."""

    numbers: list[int]

    def __getitem__(self, number):
        self.numbers.append(number)
        return super().__getitem__(number)


@pytest.fixture
def examples(complexes):
    return ComplexExamples(complexes_of(read_structure(sorted(complexes.iterdir())[0])), "pairs", 300, 1000)


def test_every_draw_is_made_once_by_two_ranks_five_and_one(examples):
    draws = Recorded(np.zeros(1, np.int64))
    draws.numbers = []
    state = None
    for ranks, done in ((2, 2), (5, 3), (1, 6)):
        running = [NumberedLoader(AnchoredMix(examples, draws, 3, rank, ranks), done) for rank in range(ranks)]
        for loader in running:
            if state is not None:
                loader.load_state_dict(state)
            for _ in loader:
                pass
        state = running[-1].state_dict()
    assert sorted(draws.numbers) == list(range(3 * (2 * 2 + 5 * 1 + 1 * 3)))
