"""Statistics of a data set's channels and of their increments, in one streaming pass, as The Well's stats.yaml."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from foundation.data.fields.layout import Stored
from foundation.data.fields.opening import WellError
from foundation.data.fields.reader import WellReader
from foundation.files import whole_file
from foundation.progress import track

NAME = "stats.yaml"
KEYS = ("mean", "std", "rms", "mean_delta", "std_delta", "rms_delta")
BLOCK = 1 << 22  # values held at a time


@dataclass(frozen=True)
class Statistics:
    """Mean, standard deviation and root mean square of values and of increments to the next frame.

    Standard deviations are of the population. Constant channels have no increments.

    Args:
        fields: scalars, vectors and tensors, which name the channels.
        numbers: key of KEYS -> channel -> number.
    """

    fields: tuple[Stored, ...]
    numbers: dict[str, dict[str, float]]

    def of(self, key: str, names: Sequence[str]) -> Float64[np.ndarray, " channel"]:
        """One of KEYS for some channels.

        Raises:
            WellError: there is no such number, as in older files without rms and increments.
        """
        known = self.numbers.get(key, {})
        if missing := [name for name in names if name not in known]:
            raise WellError(
                f"statistics have no {key!r} of {missing[0]!r}; they have {', '.join(known) or 'none'}. "
                "Type `foundation statistics DIRECTORY` to measure them again."
            )
        return np.array([known[name] for name in names])


class Moments:
    """Mean and variance of a stream of arrays, exact to rounding whatever the mean (Chan, Golub and LeVeque 1983)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Take in an array of any shape; nothing of an empty one."""
        if not values.size:
            return
        mean = float(values.mean(dtype=np.float64))
        squares = float(np.square(values - mean, dtype=np.float64).sum())
        total, shift = self.count + values.size, mean - self.mean
        self.squares += squares + shift * shift * self.count * values.size / total
        self.mean += shift * values.size / total
        self.count = total

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Mean, standard deviation, root mean square."""
        variance = self.squares / self.count
        return self.mean, variance**0.5, (variance + self.mean**2) ** 0.5


def statistics(directory: Path) -> None:
    """Measure the training files of a data set in The Well's layout; write stats.yaml beside them.

    Example:
        foundation statistics runs/fields/shear_flow

    Args:
        directory: of the data set, with its files in data/train.
    """
    files = sorted((directory / "data" / "train").glob("*.h*5"))
    if not files:
        raise WellError(f"{directory}: has no data/train/*.hdf5. Give the directory of a data set of The Well.")
    write_statistics(measure(files), directory / NAME)
    print(f"{directory / NAME}: {len(files)} files")


def measure(files: Sequence[Path]) -> Statistics:
    """The statistics of all trajectories of some files; points that are not valid do not count.

    Raises:
        WellError: a file is damaged, or has other fields than the first.
    """
    readers = [WellReader(path) for path in files]
    fields = readers[0].layout.fields
    for reader in readers:
        if reader.layout.names != readers[0].layout.names:
            raise WellError(f"{reader.path}: has other fields than {readers[0].path}. Measure them apart.")
    values = {name: Moments() for name in readers[0].layout.names}
    deltas = {name: Moments() for stored in fields if stored.by_time for name in stored.names}
    each = [(reader, number) for reader in readers for number in range(reader.layout.trajectories)]
    for reader, number in track(each, "measuring trajectories"):
        _add(reader, number, values, deltas)
    numbers = {key: {} for key in KEYS}
    for suffix, moments in (("", values), ("_delta", deltas)):
        for name, moment in moments.items():
            if moment.count:
                for key, number in zip(KEYS, moment.numbers, strict=False):
                    numbers[f"{key}{suffix}"][name] = number
    return Statistics(fields, numbers)


def write_statistics(found: Statistics, path: Path) -> None:
    """Write them as The Well has them: field -> a number, a list or a matrix."""
    import yaml

    content = {key: _nested(found.fields, channels) for key, channels in found.numbers.items()}
    with whole_file(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False))


def read_statistics(path: Path, fields: Sequence[Stored]) -> Statistics:
    """Read stats.yaml; keys that older files lack are missed only when they are asked for.

    Args:
        path: the file, or the directory of the data set.
        fields: of a file of the same data set, which name the components.

    Raises:
        WellError: there is no such file, or it is no table of numbers.
    """
    import yaml

    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise WellError(f"{path}: there are no statistics. Type `foundation statistics {path.parent}` to measure them.")
    try:
        content = yaml.safe_load(path.read_text())
        numbers = {key: _flat(fields, table) for key, table in content.items() if key in KEYS}
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise WellError(f"{path}: is no table of statistics ({reason}). Measure them again.") from error
    return Statistics(tuple(fields), numbers)


def _add(reader: WellReader, number: int, values: dict[str, Moments], deltas: dict[str, Moments]) -> None:
    layout = reader.layout
    block = max(1, BLOCK // (len(layout.names) * int(np.prod(layout.space))))
    for start in range(0, layout.frames, block):
        field = reader.window(number, start, min(block + 1, layout.frames - start))  # one frame more, for its increment
        last = start + block >= layout.frames
        for channel, name in enumerate(field.names):
            frames = field.values[:, channel, ...] if field.valid is None else field.values[:, channel, field.valid]
            if not field.constant[channel]:
                values[name].add(frames if last else frames[:block])
                deltas[name].add(np.diff(frames.astype(np.float64), axis=0))
            elif start == 0:
                values[name].add(frames[:1])


def _nested(fields: Iterable[Stored], channels: dict[str, float]) -> dict[str, Any]:
    table = {}
    for stored in fields:
        if all(name in channels for name in stored.names):
            axes = round(len(stored.names) ** (1 / max(stored.order, 1)))
            numbers = np.array([channels[name] for name in stored.names])
            table[stored.name] = numbers.reshape((axes,) * stored.order).tolist()
    return table


def _flat(fields: Iterable[Stored], table: dict[str, Any]) -> dict[str, float]:
    channels = {}
    for stored in fields:
        if stored.name in table:
            numbers = np.ravel(np.array(table[stored.name], np.float64)).tolist()
            channels |= dict(zip(stored.names, numbers, strict=True))
    return channels
