"""Simulated observations with known truth; wants the libraries of the `astro` extra, and says so at once."""

from importlib.util import find_spec

from foundation.errors import FoundationError

if missing := [name for name in ("astropy", "scipy", "speclite") if find_spec(name) is None]:
    raise FoundationError(f"The simulator wants {', '.join(missing)}. Type `pip install 'foundation-science[astro]'`.")
