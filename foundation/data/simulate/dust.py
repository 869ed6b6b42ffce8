"""Dust: how much each wavelength is dimmed, in other galaxies and in our own."""

import numpy as np


def calzetti(wavelength: np.ndarray | float) -> np.ndarray:
    """k(λ) = A(λ) / E(B-V) of starburst galaxies, R_V = 4.05; λ in Å, 1200 Å to 2.2 µm, held at 0 redward.

    Source: Calzetti et al. 2000, equation 4.
    """
    micron = np.asarray(wavelength, dtype=float) / 1e4
    blue = 2.659 * (-2.156 + 1.509 / micron - 0.198 / micron**2 + 0.011 / micron**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 / micron) + 4.05
    return np.asarray(np.maximum(np.where(micron < 0.63, blue, red), 0))


def milky_way(wavelength: np.ndarray | float) -> np.ndarray:
    """k(λ) = A(λ) / E(B-V) of the diffuse Milky Way, R_V = 3.1; λ in Å, redward of 3030 Å.

    Source: Cardelli, Clayton & Mathis 1989, equations 2 and 3.
    """
    x = 1e4 / np.asarray(wavelength, dtype=float)
    y = x - 1.82
    a = np.polyval([0.32999, -0.77530, 0.01979, 0.72085, -0.02427, -0.50447, 0.17699, 1.0], y)
    b = np.polyval([-2.09002, 5.30260, -0.62251, -5.38434, 1.07233, 2.28305, 1.41338, 0.0], y)
    infrared = x < 1.1
    a, b = np.where(infrared, 0.574 * x**1.61, a), np.where(infrared, -0.527 * x**1.61, b)
    return np.asarray(3.1 * a + b)


def dimming(ebv: float, curve: np.ndarray | float) -> np.ndarray:
    """The fraction of light that passes: 10^(-0.4 E(B-V) k)."""
    return np.asarray(np.exp(-0.4 * np.log(10) * ebv * curve))
