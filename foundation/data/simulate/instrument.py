"""The table of spectrographs: everything in which one survey's spectra differ from another's.

Ranges, lattices, line spread and mask bits as measured on files of BOSS (DR16) and DESI (DR1); the rest is typical.
"""

from dataclasses import dataclass

import numpy as np

from foundation.data.formats import desi, sdss


@dataclass(frozen=True)
class Arm:
    """One camera: wavelength range (Å), line-spread sigma at both ends (Å), and efficiency (peak place, width; Å)."""

    low: float
    high: float
    lsf_sigma: tuple[float, float]
    peak: float
    width: float


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
    """

    fatal: int
    bright_sky: int
    rejected: int
    near_rejected: int
    no_arm: int
    dichroic: int


@dataclass(frozen=True)
class Spectrograph:
    """One survey's instrument and pipeline.

    Args:
        survey: goes into the record.
        frame: rest frame of the wavelengths.
        arms: cameras; where they overlap the pipeline joins them with inverse-variance weights.
        lattice: whether `first` and `step` are log10 of Å ("log10") or Å ("linear").
        first: place of lattice pixel 0, before the first pixel of any spectrum.
        step: of the lattice.
        tilt: mean and scatter of the exponent of a power law of λ on the flux. BOSS fibres on quasar targets are
            centred for 4000 Å, which makes their calibrated spectra too blue (Margala et al. 2016).
        jitter: pixels by which start and end of a spectrum differ from file to file, at most.
        correlation: of the noise of neighbouring pixels, made by a three-tap kernel; 0 = none.
        gain: variance of the object's light relative to the sky's.
        read_variance: detector's variance, in the sky's units.
        bright_sky: airglow brighter than this many times the sky continuum is flagged.
        cosmics: mean number of runs of rejected pixels in an arm, and the shortest and longest run.
        missing_arm: probability that an arm has no data.
        flags: of the pixel mask.
    """

    survey: str
    frame: str
    arms: tuple[Arm, ...]
    lattice: str
    first: float
    step: float
    tilt: tuple[float, float]
    jitter: int
    correlation: float
    gain: float
    read_variance: float
    bright_sky: float
    cosmics: tuple[float, int, int]
    missing_arm: float
    flags: Flags

    def pixel(self, wavelength: float) -> int:
        """Number of the lattice pixel nearest to `wavelength` (Å)."""
        place = np.log10(wavelength) if self.lattice == "log10" else wavelength
        return round(float((place - self.first) / self.step))

    def wavelength(self, pixel: np.ndarray) -> np.ndarray:
        """Wavelengths (Å) of lattice pixels."""
        place = self.first + self.step * pixel
        return 10**place if self.lattice == "log10" else place


CALIBRATION = (0.01, 0.05)  # range of the amplitude of the smooth error of the flux calibration
TILT_PIVOT = 5400.0  # Å, where a tilt changes nothing
ARM_STEP = 0.02  # scatter of an arm's flux level
SKY_RESIDUAL = 0.5  # scatter of the airglow left after subtraction, in σ of the noise
IVAR_ERROR = 0.1  # scatter of the reported inverse variance about the true one, as a fraction
OUTLIERS = (0.01, 5.0)  # fraction of pixels whose noise is this many times what is reported
DICHROIC = (0.1, 5900.0, 6080.0)  # fraction of spectra with the wrong flag, and where (Å)
FIBRES = (0.92, 0.97, 1.0, 1.04, 1.1)  # line-spread width of one fibre relative to the table

SPECTROGRAPHS = {
    "spectrum_sdss": Spectrograph(
        survey="boss",
        frame="heliocentric",
        arms=(Arm(3589, 6350, (0.95, 1.15), 5200, 850), Arm(5650, 10364, (1.25, 2.2), 7600, 1350)),
        lattice="log10",
        first=3.5400,
        step=1e-4,
        tilt=(-0.25, 0.3),
        jitter=20,
        correlation=0.2,
        gain=1.0,
        read_variance=0.6,
        bright_sky=1.8,
        cosmics=(2.0, 1, 4),
        missing_arm=0.0,
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
            Arm(3600, 5800, (0.71, 0.71), 4900, 700),
            Arm(5760, 7620, (0.64, 0.64), 6700, 1500),
            Arm(7520, 9824, (0.75, 0.75), 8700, 1600),
        ),
        lattice="linear",
        first=3599.2,
        step=0.8,
        tilt=(0.0, 0.05),
        jitter=0,
        correlation=0.0,
        gain=1.0,
        read_variance=0.4,
        bright_sky=np.inf,
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
}
