"""parameters: which scalars of simulations are asked for, and in what units, so that errors of all can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from foundation.errors import FoundationError

DECADE = 10.0  # a positive parameter that spans more is asked for by its logarithm


@dataclass(frozen=True)
class Parameter:
    """A scalar in units of its own spread: (value or its log10 - mean) / deviation.

    Args:
        name: of the scalar.
        logarithmic: whether log10 is taken.
        mean, deviation: of all training trajectories, after the logarithm.
    """

    name: str
    logarithmic: bool
    mean: float
    deviation: float

    @property
    def label(self) -> str:
        """What is asked for."""
        return f"log10 {self.name}" if self.logarithmic else self.name

    def normalised(self, scalars: Sequence[Mapping[str, float]]) -> Float64[np.ndarray, " n"]:
        """Of each trajectory; mean 0 and deviation 1 over those that were trained on."""
        return (_values(self.name, scalars, self.logarithmic) - self.mean) / self.deviation

    def back(self, normalised: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The inverse, but for the logarithm."""
        return normalised * self.deviation + self.mean


def parameters_of(
    trained: Sequence[Mapping[str, float]], names: Sequence[str] = (), log: Sequence[str] | None = None
) -> tuple[Parameter, ...]:
    """The scalars that vary between trajectories.

    Args:
        trained: scalars of each training trajectory.
        names: of those that are asked for; none = all that vary.
        log: names of those whose logarithm is asked for; None = positive ones that span more than a decade.

    Raises:
        FoundationError: an unknown name, one that does not vary or has no logarithm, or nothing that varies.
    """
    known = [name for name in trained[0] if all(name in scalars for scalars in trained)]
    if unknown := [name for name in (*names, *(log or ())) if name not in known]:
        raise FoundationError(f"no parameter {unknown[0]!r}; the trajectories have {', '.join(known) or 'none'}.")
    varying = [name for name in known if len({scalars[name] for scalars in trained}) > 1]
    if not varying or not set(names) <= set(varying):
        raise FoundationError(
            f"{', '.join(names or known) or 'no parameter'}: the same in all training trajectories. Give simulations "
            "that differ, such as `foundation simulate fields --vary` makes."
        )
    return tuple(_parameter(name, trained, log) for name in names or varying)


def _parameter(name: str, trained: Sequence[Mapping[str, float]], log: Sequence[str] | None) -> Parameter:
    plain = _values(name, trained, False)
    wide = plain.min() > 0 and plain.max() > DECADE * plain.min()
    logarithmic = bool(wide) if log is None else name in log
    if logarithmic and plain.min() <= 0:
        raise FoundationError(f"parameter {name} is {plain.min():g} somewhere: no logarithm. Leave it out of `--log`.")
    values = _values(name, trained, logarithmic)
    return Parameter(name, logarithmic, float(values.mean()), float(values.std()))


def _values(name: str, scalars: Sequence[Mapping[str, float]], logarithmic: bool) -> Float64[np.ndarray, " n"]:
    values = np.array([some[name] for some in scalars], np.float64)
    return np.log10(values) if logarithmic else values
