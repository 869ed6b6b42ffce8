"""quiet: Lightning without its notices on hardware and services, and without the warnings its caller expects."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def quiet(expected: Sequence[str]) -> Iterator[None]:
    """Hide Lightning's notices, and warnings that match one of these patterns because they are about what is meant."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in expected:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)
