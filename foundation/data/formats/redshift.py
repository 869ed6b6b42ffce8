"""Redshift: what a survey's pipeline found for a spectrum, as labels and, if it trusts itself, as a record."""

from dataclasses import dataclass

from foundation.data.records import Scalar

MODALITY = "redshift"


@dataclass(frozen=True)
class Redshift:
    """Class and redshift of one object; `warning` is a bit mask, 0 is good; `error` < 0 means a failed fit."""

    z: float
    error: float
    warning: int
    kind: str
    subclass: str

    def labels(self) -> dict[str, float | int | str]:
        """All of it, whatever the warning."""
        return {
            "class": self.kind,
            "subclass": self.subclass,
            "z": float(self.z),
            "z_err": float(self.error),
            "z_warning": int(self.warning),
        }

    def records(self) -> dict[str, Scalar]:
        """The `redshift` modality, only if nothing warns against it."""
        if self.warning:
            return {}
        return {MODALITY: Scalar(float(self.z), MODALITY, "", float(self.error) if self.error >= 0 else None)}
