"""Files of stored field networks: sizes and the names of their fields in config.json, beside the weights."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from foundation.model.card import card
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.unet_config import UNetConfig
from foundation.model.network_files import read_config, sizes, write_network

Config = TypeVar("Config", FieldModelConfig, UNetConfig)


def write_fields(directory: Path, kind: str, model: FieldNetwork, weights: Mapping[str, Tensor]) -> None:
    """Write config.json, the weights and a card; arguments and errors as of `write_network`."""
    parts = {"model": asdict(model.config), "names": model.names}
    readme = card(f"A model of the fields {', '.join(model.names)}", "simulations", model, asdict(model.config))
    write_network(directory, kind, "field model", parts, weights, readme)


def read_fields(directory: Path, kind: type[Config]) -> tuple[Config, tuple[str, ...]]:
    """Sizes and names of the fields in config.json; errors as of `read_config`."""
    return read_config(directory, lambda stored: (kind(**sizes(stored["model"])), tuple(stored["names"])))
