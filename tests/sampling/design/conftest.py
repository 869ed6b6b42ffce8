from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def oracle():
    """tests/sampling/design/words.py as a module."""
    spec = spec_from_file_location("words", Path(__file__).with_name("words.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
