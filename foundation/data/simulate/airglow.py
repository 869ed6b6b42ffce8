"""The night sky over a spectrograph: continuum, emission lines and the atmosphere's absorption."""

from functools import lru_cache

import numpy as np

from foundation.data.simulate.grid import OBSERVED, Lattice, add_line

# vacuum Å and mean brightness, 1e-17 erg/s/cm² in a BOSS fibre: sharp peaks above the smooth part of the sky column of
# eBOSS files of plates 9367 and 10656, both scaled to the dark continuum below; peaks within 3 Å are one,
# and the green line of oxygen, which those files cut off, is twice as bright as there
LINES = (
    (4359, 33), (5462, 26), (5578, 230), (5581, 86), (5891, 72), (5898, 43), (6302, 192), (6365, 41), (6831, 21),
    (6836, 20), (6866, 38), (6925, 22), (6951, 21), (7242, 56), (7247, 70), (7278, 102), (7286, 29), (7318, 68),
    (7331, 23), (7343, 80), (7361, 21), (7371, 63), (7404, 28), (7526, 59), (7574, 34), (7601, 35), (7631, 20),
    (7715, 64), (7719, 92), (7753, 100), (7762, 35), (7782, 20), (7796, 92), (7811, 26), (7824, 115), (7843, 25),
    (7855, 107), (7858, 19), (7862, 35), (7873, 64), (7882, 37), (7892, 41), (7916, 179), (7923, 62), (7934, 31),
    (7951, 25), (7967, 123), (7981, 34), (7995, 126), (8016, 27), (8028, 94), (8064, 35), (8280, 20), (8283, 50),
    (8286, 19), (8291, 91), (8301, 145), (8313, 24), (8347, 309), (8355, 102), (8367, 23), (8384, 61), (8401, 239),
    (8417, 72), (8430, 28), (8432, 178), (8455, 54), (8468, 150), (8496, 31), (8507, 75), (8551, 26), (8628, 30),
    (8633, 33), (8636, 20), (8653, 20), (8657, 24), (8662, 22), (8667, 20), (8763, 130), (8766, 26), (8770, 191),
    (8780, 237), (8793, 58), (8829, 74), (8832, 66), (8839, 165), (8852, 47), (8870, 108), (8888, 338), (8905, 107),
    (8922, 310), (8946, 107), (8958, 33), (8961, 202), (8990, 65), (9004, 154), (9040, 25), (9052, 55), (9105, 24),
    (9308, 122), (9312, 276), (9317, 218), (9323, 45), (9327, 344), (9340, 90), (9375, 129), (9378, 145), (9381, 131),
    (9405, 82), (9422, 163), (9441, 406), (9445, 177), (9458, 36), (9461, 228), (9476, 21), (9480, 599), (9505, 203),
    (9508, 20), (9522, 235), (9555, 116), (9570, 284), (9610, 55), (9624, 83), (9671, 74), (9684, 125), (9693, 30),
    (9702, 178), (9715, 72), (9722, 253), (9725, 25), (9740, 93), (9748, 22), (9791, 37), (9794, 494), (9798, 24),
    (9802, 140), (9811, 20), (9815, 49), (9851, 143), (9872, 129), (9876, 407), (9894, 23), (9898, 178), (9917, 418),
    (9920, 60), (9945, 230), (9949, 393), (9952, 86), (9959, 269), (9963, 299), (9966, 156), (9975, 93), (9980, 19),
    (10003, 77), (10011, 30), (10016, 747), (10018, 47), (10025, 36), (10028, 206), (10046, 64), (10064, 144),
    (10069, 25), (10073, 54), (10085, 384), (10088, 31), (10106, 166), (10126, 456), (10130, 33), (10135, 19),
    (10146, 28), (10150, 42), (10156, 191), (10161, 65), (10167, 37), (10171, 89), (10175, 506), (10184, 104),
    (10187, 18), (10192, 421), (10198, 22), (10206, 185), (10213, 603), (10216, 49), (10226, 52), (10229, 223),
    (10234, 183), (10274, 65), (10280, 24),
)  # fmt: skip
HYDROXYL = (15100, 16990, 130, 60.0)  # of the H band: first and last wavelength (Å), number of lines, mean brightness
TELLURIC = (
    (6870, 6925, 0.25),
    (7168, 7320, 0.1),
    (7594, 7690, 0.55),
    (8130, 8350, 0.12),
    (8950, 9200, 0.2),
    (9300, 9640, 0.35),
    (15680, 15820, 0.05),
    (15980, 16130, 0.05),
)


@lru_cache(maxsize=4)
def sky_lines(lattice: Lattice = OBSERVED) -> np.ndarray:
    """Line emission in a fibre on a lattice, 1e-17 erg/s/cm²/Å, before the instrument."""
    draw = np.random.default_rng(83)  # the same sky for every seed of the survey
    flux = np.zeros(lattice.count)
    low, high, count, area = HYDROXYL
    infrared = zip(draw.uniform(low, high, count), area * draw.gamma(1.2, 1 / 1.2, count), strict=True)
    for centre, brightness in (*LINES, *infrared):
        add_line(flux, centre, 20.0, brightness, lattice)
    return flux


def sky_continuum(wavelength: np.ndarray) -> np.ndarray:
    """Dark-sky continuum in a BOSS fibre, 1e-17 erg/s/cm²/Å: 21.6 mag/arcsec² in V, raised as spectra of stars are for
    the light that the fibre loses; as the sky column of real files has it."""
    return 3.2 * (wavelength / 5000) ** -0.6


def transmission(wavelength: np.ndarray) -> np.ndarray:
    """What the molecular bands of the atmosphere let through."""
    passed = np.ones(len(wavelength))
    for low, high, depth in TELLURIC:
        passed[(wavelength > low) & (wavelength < high)] -= depth
    return passed
