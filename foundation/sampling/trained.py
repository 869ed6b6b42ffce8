"""What a stored model was trained for: the masking policy that its training configuration names."""

import json
from pathlib import Path

import yaml
from jsonargparse import auto_cli

from foundation.errors import FoundationError
from foundation.interop.aion_files import is_aion
from foundation.masking.budget import LeadingSpace
from foundation.masking.policy import MaskingPolicy

FILE = "training.yaml"  # beside the weights, written by training and export


def trained_policy(directory: Path) -> MaskingPolicy:
    """The policy of the run that made the model in `directory`; of AION-1's release, that of its paper.

    Raises:
        FoundationError: the file is missing, or does not hold a policy.
    """
    if is_aion(directory):
        return LeadingSpace()
    path = directory / FILE
    try:
        options = json.dumps(yaml.safe_load(path.read_text())["policy"])
        return auto_cli(_policy, args=[f"--policy={options}"], exit_on_error=False)  # type: ignore[return-value]
    except FileNotFoundError as error:
        raise FoundationError(
            f"{path} is missing, so nobody knows what the model was trained to predict. "
            "Export it again from its run, or add `--allow_untrained`."
        ) from error
    except (Exception, SystemExit) as error:  # whatever a damaged or edited file makes the parsers say
        raise FoundationError(f"{path} names no masking policy. Export the model again from its run.") from error


def _policy(*, policy: MaskingPolicy) -> MaskingPolicy:
    """What the parser fills in."""
    return policy
