"""extras: which optional part of the package brings a module that is missing."""

import re
from importlib.metadata import PackageNotFoundError, requires

PACKAGE = "foundation-science"
DISTRIBUTIONS = {"Bio": "biopython", "RNA": "viennarna", "sklearn": "scikit-learn", "yaml": "pyyaml"}
REQUIREMENT = re.compile(r"([\w.-]+).*;.*extra == [\"']([\w-]+)[\"']")


def extra_of(module: str) -> str | None:
    """The name of the smallest extra that asks for the module's distribution; None if no extra does.

    Args:
        module: as imported, such as "Bio.PDB".
    """
    root = module.partition(".")[0]
    wanted = DISTRIBUTIONS.get(root, root).lower().replace("_", "-")
    try:
        declared = [REQUIREMENT.match(line) for line in requires(PACKAGE) or ()]
    except PackageNotFoundError:  # run from a copy that was never installed
        return None
    asked = [(found[1].lower(), found[2]) for found in declared if found]
    holding = {extra for name, extra in asked if name == wanted}
    return min(holding, key=lambda extra: sum(e == extra for _, e in asked), default=None)
