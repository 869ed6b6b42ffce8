"""GALAH spectra of HERMES: the four cameras of a star, one file each, become one spectrum of four segments.

A file is named by the 15 digits of the star's `sobject_id` and the number of the camera. Two layouts: DR4 (reduction
6) names its HDUs, DR3 has five without names. In both HDU 0 is the flux without sky, in counts, and the error is
relative. There is no mask: unusable is where error or flux are no numbers, or the error is not positive.
Buder et al. 2021, MNRAS 506, 150; https://www.galah-survey.org/dr4/the_spectra/
"""

import re
from contextlib import ExitStack

import numpy as np

from foundation.data.formats.arms import segments
from foundation.data.formats.companions import camera_files
from foundation.data.formats.dispersion import wavelengths
from foundation.data.formats.noise import inverse_variance
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import FormatError, Samples, Source, open_source
from foundation.data.records import Spectrum

CAMERAS = {1: "blue", 2: "green", 3: "red", 4: "infrared"}
DR3_HDUS = 4  # flux, relative error, flux with sky, its error; the normalised flux is missing for some stars
FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in its sigmas
LABELS = {  # label -> card of DR4, and the card that says whether to trust it
    "teff": ("TEFF_R", "PAR_OK"),
    "logg": ("LOGG_R", "PAR_OK"),
    "fe_h": ("FE_H_R", "PAR_OK"),
    "alpha_fe": ("A_FE_R", "PAR_OK"),
    "vmic": ("VMIC_R", "PAR_OK"),
    "vbroad": ("VBROAD_R", "PAR_OK"),
    "rv": ("RVCOM", "RVCOM_OK"),
}


def recognises(source: Source) -> bool:
    """Whether the file has the named HDUs of DR4, or the name and the HDUs of DR3."""
    return _is_dr4(source) or (_name(source) is not None and _is_dr3(source))


def read(source: Source) -> Samples:
    """One sample: `spectrum_galah`, segments 0 to 3 in order of wavelength, in vacuum; cameras may be missing.

    Raises:
        FormatError: the file of another camera is no GALAH spectrum.
    """
    files = camera_files(source.path)
    with ExitStack() as stack:
        opened = {camera: stack.enter_context(open_source(path)) for camera, path in files.items()}
        arms = {camera: _camera(one) for camera, one in opened.items()}
    spectrum = segments(list(arms.values()))
    header = source.header()
    labels = {name: header.get(card) for name, (card, trust) in LABELS.items() if header.get(trust)}
    name = _name(source)
    star = name[1] if name else source.path.name.partition(".")[0]
    place = header.get("RA_OBS", header.get("RA_ICRS")), header.get("DEC_OBS", header.get("DEC_ICRS"))
    yield spectral_sample(f"galah-{star}", "spectrum_galah", spectrum, source, labels, place=place)
    missing = [f"{number} ({colour})" for number, colour in CAMERAS.items() if number not in arms]
    return f"without camera {', '.join(missing)}" if missing and name else ""


def _name(source: Source) -> re.Match[str] | None:
    return re.match(r"(\d{15})([1-4])\.fits", source.path.name)


def _is_dr4(source: Source) -> bool:
    return {"NORMALIZED", "RELATIVE_ERROR"} <= set(source.names)


def _is_dr3(source: Source) -> bool:
    shapes = [hdu.shape for hdu in list(source.hdus)[:DR3_HDUS] if hdu.is_image]
    return len(shapes) == DR3_HDUS and len(set(shapes)) == 1 and len(shapes[0]) == 1


def _camera(source: Source) -> Spectrum:
    if not recognises(source):
        raise FormatError(f"{source.path}: is no GALAH spectrum like the other cameras beside it. Move it away.")
    flux = source.hdu(0).data
    relative = source.hdu("RELATIVE_ERROR" if _is_dr4(source) else 1).data
    profile = source.hdu("RESOLUTION_PROFILE").data if source.has("RESOLUTION_PROFILE") else None
    return Spectrum(
        flux,
        wavelengths(source.header(), len(flux), air=True),
        inverse_variance(flux, relative * np.abs(flux)),
        lsf_sigma=None if profile is None else profile / FWHM,
        survey="galah",
        unit="ct",
        frame="heliocentric",
    )
