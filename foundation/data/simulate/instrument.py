"""The table of spectrographs: everything in which one survey's spectra differ from another's.

Ranges, grids, line spread and mask bits as measured on files of BOSS (DR16), DESI (DR1), GALAH (DR4) and APOGEE; the
rest is typical.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from foundation.data.formats import apogee, desi, sdss
from foundation.data.formats.air import air_of, vacuum_of
from foundation.data.records import FLUX_DENSITY
from foundation.data.simulate.grid import H_BAND, OBSERVED, RESOLVED, Lattice


@dataclass(frozen=True)
class Arm:
    """One camera: wavelength range (Å), line-spread sigma at both ends (Å), efficiency (place of the peak, its width,
    width of the fall at the ends, Å; what is left far from the peak, as a fraction of it)."""

    low: float
    high: float
    lsf_sigma: tuple[float, float]
    peak: float
    width: float
    fall: float = 60.0
    left: float = 0.08


@dataclass(frozen=True)
class Flags:
    """Values in the survey's own pixel mask.

    Args:
        fatal: all bits that make a pixel unusable (the reader's policy).
        bright_sky: on strong airglow; the pixel stays usable.
        rejected: no good measurement, inverse variance 0.
        near_rejected: beside a rejected pixel, or 0.
        no_arm: set on a whole arm without data.
        dichroic: wrongly set near the arms' border in some spectra though the data are good, or 0.
        persistent: on light of an earlier exposure; the pixel stays usable.
    """

    fatal: int
    bright_sky: int
    rejected: int
    near_rejected: int
    no_arm: int
    dichroic: int
    persistent: int = 0


@dataclass(frozen=True)
class Grid:
    """Wavelengths of the pixels of an arm.

    Args:
        kind: "log10" of vacuum Å, or "linear" in vacuum Å or in "air" Å.
        first: place of pixel 0, before the first pixel of any spectrum.
        step: between pixels.
    """

    kind: str
    first: float
    step: float

    def pixel(self, wavelength: float) -> int:
        """Number of the pixel nearest to `wavelength` (vacuum Å)."""
        place = {"log10": np.log10, "linear": float, "air": air_of}[self.kind](wavelength)
        return round(float((place - self.first) / self.step))

    def wavelength(self, pixel: np.ndarray) -> np.ndarray:
        """Vacuum Å of pixels."""
        place = self.first + self.step * pixel
        return {"log10": lambda x: 10**x, "linear": np.asarray, "air": vacuum_of}[self.kind](place)


@dataclass(frozen=True)
class Spectrograph:
    """One survey's instrument and pipeline.

    Args:
        survey: goes into the record, as the next two.
        frame: rest frame of the wavelengths.
        unit: of the flux.
        arms: cameras or chips.
        grids: of each arm.
        flags: of the pixel mask.
        tilt: mean and scatter of the exponent of a power law of λ on the flux.
        blue_tilt: the same where a fibre on a quasar candidate is centred for blue light; None = no fibre is.
        jitter: pixels by which start and end of a spectrum differ from file to file, at most.
        correlation: of the noise of neighbouring pixels, made by a three-tap kernel; 0 = none.
        gain: variance of the object's light relative to the sky's.
        exposure: photons that a pixel of efficiency 1 collects of a flux of 1 in the survey's usual time; it says how
            much of the noise is the sky's at a given signal-to-noise.
        fibre: sky that it lets in, relative to one of BOSS.
        read_variance: detector's variance, in the sky's units.
        noise: true over reported standard deviation at 4000 and at 10000 Å.
        bright_sky: airglow brighter than this many times the sky continuum is flagged.
        cosmics: mean number of runs of rejected pixels in an arm, and the shortest and longest run.
        missing_arm: probability that an arm has no data.
        persistence: probability that a third of an arm is noisier, from light of an earlier exposure.
        light: lattice fine enough for its lines.
        targets: classes of objects that it observes.
        snr: range of the signal-to-noise per pixel; None = that of the survey.
        pixels: first and last pixel of each arm, where that is more than its range; the rest has no data.
        is_joined: whether arms overlap on one lattice and the pipeline joins them with inverse-variance weights;
            else they are segments.
        is_calibrated: whether the response of the arms has been taken out.
        knows_lsf: whether files say the line spread.
    """

    survey: str
    frame: str
    arms: tuple[Arm, ...]
    grids: tuple[Grid, ...]
    flags: Flags
    tilt: tuple[float, float]
    cosmics: tuple[float, int, int]
    blue_tilt: tuple[float, float] | None = None
    unit: str = FLUX_DENSITY
    jitter: int = 0
    correlation: float = 0.0
    gain: float = 1.0
    exposure: float = 30.0
    fibre: float = 1.0
    read_variance: float = 0.4
    noise: tuple[float, float] = (1.0, 1.0)
    bright_sky: float = np.inf
    missing_arm: float = 0.0
    persistence: float = 0.0
    light: Lattice = OBSERVED
    targets: tuple[str, ...] = ("GALAXY", "QSO", "STAR")
    snr: tuple[float, float] | None = None
    pixels: tuple[tuple[int, int], ...] = ()
    is_joined: bool = True
    is_calibrated: bool = True
    knows_lsf: bool = True

    def extent(self, arm: int) -> tuple[int, int]:
        """First and last pixel that an arm can have."""
        if self.pixels:
            return self.pixels[arm]
        shape, grid = self.arms[arm], self.grids[arm]
        return grid.pixel(shape.low) - self.jitter, grid.pixel(shape.high) + self.jitter


CALIBRATION = (0.01, 0.05)  # range of the amplitude of the smooth error of the flux calibration
TILT_PIVOT = 5400.0  # Å, where a tilt changes nothing
# exponent of λ: photons of a flux, width of a pixel and optics gain to the red; without it the noise of a spectrum is
# as large at 9000 Å as at 5000 Å, where BOSS and DESI have 0.63 and 0.32 of it
RESPONSE = 3.0
ARM_STEP = 0.02  # scatter of an arm's flux level
SKY_RESIDUAL = 0.35  # scatter of the airglow left after subtraction, in σ of the noise
IVAR_ERROR = 0.1  # scatter of the reported inverse variance about the true one, as a fraction
NOISE_AT = (4000.0, 10000.0)  # Å, of `Spectrograph.noise`
PERSISTENT = 2.0  # noise of a persistent pixel relative to an ordinary one
OUTLIERS = (0.01, 5.0)  # fraction of pixels whose noise is this many times what is reported
DICHROIC = (0.1, 5900.0, 6080.0)  # fraction of spectra with the wrong flag, and where (Å)
FIBRES = (0.92, 0.97, 1.0, 1.04, 1.1)  # line-spread width of one fibre relative to the table

SPECTROGRAPHS = {
    "spectrum_sdss": Spectrograph(
        survey="boss",
        frame="heliocentric",
        arms=(
            Arm(3589, 6350, (0.95, 1.15), 4700, 850, 500.0, 0.03),
            Arm(5650, 10364, (1.25, 2.2), 6000, 2300, 1100.0, 0.0),
        ),
        grids=(Grid("log10", 3.5400, 1e-4),) * 2,
        tilt=(0.0, 0.05),
        # centred for 4000 Å: 19 % too bright at 3600 Å, 24 % too faint at 10000 Å (Margala et al. 2016, the mean)
        blue_tilt=(-0.44, 0.2),
        jitter=20,
        correlation=0.2,
        read_variance=0.6,
        exposure=40.0,
        noise=(1.02, 0.86),  # the pipeline says too little in the blue, too much in the red (Lee et al. 2013)
        bright_sky=3.5,
        cosmics=(2.0, 1, 4),
        flags=Flags(
            fatal=int(sdss.BAD_BITS),
            bright_sky=1 << sdss.SPPIXMASK["BRIGHTSKY"],
            rejected=1 << sdss.SPPIXMASK["FULLREJECT"],
            near_rejected=1 << sdss.SPPIXMASK["NEARBADPIXEL"],
            no_arm=1 << sdss.SPPIXMASK["FULLREJECT"],
            dichroic=1 << sdss.SPPIXMASK["NODATA"],
        ),
    ),
    "spectrum_desi": Spectrograph(
        survey="desi",
        frame="barycentric",
        arms=(
            Arm(3600, 5800, (0.71, 0.71), 5900, 1330, 210.0, 0.02),
            Arm(5760, 7620, (0.64, 0.64), 6640, 840, 70.0, 0.5),
            Arm(7520, 9824, (0.75, 0.75), 8440, 1030, 180.0, 0.13),
        ),
        grids=(Grid("linear", 3599.2, 0.8),) * 3,
        tilt=(0.0, 0.05),
        fibre=0.56,  # 1.5 arcsec wide, not 2
        cosmics=(6.0, 2, 12),
        missing_arm=0.01,
        flags=Flags(
            fatal=int(desi.BAD_BITS),
            bright_sky=0,
            rejected=1 << desi.SPECMASK["COSMIC"],
            near_rejected=0,
            no_arm=1 << desi.SPECMASK["ALLBADPIX"],
            dichroic=0,
        ),
    ),
    "spectrum_galah": Spectrograph(
        survey="galah",
        frame="heliocentric",
        unit="ct",
        arms=(
            Arm(4715.0, 4904.0, (0.089, 0.09), 4830, 120, 8.0),
            Arm(5650.0, 5875.0, (0.113, 0.116), 5780, 150, 8.0),
            Arm(6477.7, 6737.0, (0.134, 0.138), 6620, 170, 8.0),
            Arm(7585.9, 7888.0, (0.147, 0.151), 7750, 220, 8.0),
        ),
        grids=(
            Grid("air", 4714.06 - 0.04595, 0.04595),
            Grid("air", 5648.73 - 0.05469, 0.05469),
            Grid("air", 6476.26 - 0.06316, 0.06316),
            Grid("air", 7584.11 - 0.07358, 0.07358),
        ),
        pixels=((1, 4096),) * 4,
        tilt=(0.0, 0.3),
        cosmics=(2.0, 1, 3),
        missing_arm=0.02,
        light=RESOLVED,
        targets=("STAR",),
        snr=(15.0, 300.0),
        exposure=11.0,  # a signal-to-noise of 100 at V = 14
        is_joined=False,
        is_calibrated=False,
        flags=Flags(fatal=0, bright_sky=0, rejected=0, near_rejected=0, no_arm=0, dichroic=0),
    ),
    "spectrum_apogee": Spectrograph(
        survey="apogee",
        frame="rest",
        arms=(
            Arm(15152.2, 15799.1, (0.31, 0.30), 15480, 700),
            Arm(15867.5, 16424.0, (0.30, 0.29), 16150, 700),
            Arm(16481.8, 16943.5, (0.29, 0.28), 16700, 700),
        ),
        grids=(Grid("log10", 4.179 - 6e-6, 6e-6),) * 3,
        pixels=tuple((a + 1, b) for a, b in pairwise((*apogee.CHIPS, apogee.PIXELS))),
        tilt=(0.0, 0.05),
        bright_sky=20.0,
        cosmics=(4.0, 1, 6),
        persistence=0.1,
        light=H_BAND,
        targets=("STAR",),
        snr=(30.0, 300.0),
        exposure=67.0,  # a signal-to-noise of 100 at H = 12.2
        is_joined=False,
        knows_lsf=False,
        flags=Flags(
            fatal=int(apogee.BAD_BITS),
            bright_sky=1 << apogee.PIXMASK["SIG_SKYLINE"],
            rejected=1 << apogee.PIXMASK["CRPIX"],
            near_rejected=0,
            no_arm=1 << apogee.PIXMASK["BADPIX"],
            dichroic=0,
            persistent=1 << apogee.PIXMASK["PERSIST_HIGH"],
        ),
    ),
}
