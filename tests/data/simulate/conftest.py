"""Simulated objects that several tests look at, made once."""

import pytest

from foundation.data.simulate.sky import SkySurvey


@pytest.fixture(scope="session")
def galaxies():
    """500 galaxies with complete photometry and images, no spectra."""
    survey = SkySurvey(
        seed=0, galaxies=1, quasars=0, stars=0, spectra=(), image_size=32, missing_image=0, missing_scalar=0
    )
    return [survey.sample(i) for i in range(500)]


@pytest.fixture(scope="session")
def mixed():
    """120 objects of all classes as the defaults make them, with small images."""
    return list(SkySurvey(seed=5, image_size=32).samples(120))
