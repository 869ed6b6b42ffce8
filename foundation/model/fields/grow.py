"""More fields for a trained model, without changing what it says of those it has."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.check import check_names
from foundation.model.fields.transformer import FieldTransformer


@torch.no_grad()
def add_fields(model: FieldTransformer, names: Sequence[str]) -> FieldTransformer:
    """A copy that knows these fields as well, and predicts 0 for them until it is trained.

    The encoder multiplies fields and bias correction by sqrt(known fields / fields of the sample). More known fields
    raise that, so old columns are divided by as much; the flags of walls and open sides have no such factor.

    Raises:
        FoundationError: a name that the model has already, or one twice.
    """
    check_names((*model.names, *names))
    with torch.device("meta"):
        grown = FieldTransformer(model.config, (*model.names, *names))
    ratio = (len(model.names) / len(grown.names)) ** 0.5
    state = {name: _wider(name, tensor, len(names), ratio) for name, tensor in model.state_dict().items()}
    grown.load_state_dict(state, strict=True, assign=True)
    return grown.requires_grad_(True).train(model.training)


def _wider(name: str, tensor: Tensor, more: int, ratio: float) -> Tensor:
    """The tensor with columns of zeros for `more` fields, if it has one a field."""
    if name.startswith("decoders.") and name.endswith("bias2"):
        return torch.cat([tensor, tensor.new_zeros(more)])
    encodes = name.startswith("encoders.") and "proj1" in name
    if not encodes and not (name.startswith("decoders.") and name.endswith("proj2")):
        return tensor.clone()
    wide = torch.cat([tensor, tensor.new_zeros(len(tensor), more, *tensor.shape[2:])], 1)
    if encodes:
        flags = 0 if name.endswith("increments") else len(FLAGS)
        wide[:, max(flags - 1, 0) :] *= ratio  # the bias correction is the last of the flags
    return wide
