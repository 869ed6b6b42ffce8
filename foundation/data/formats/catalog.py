"""The table of file formats. To add one, write a file with a recogniser and a reader, and add its line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foundation.data.formats import (
    aaomega,
    apogee,
    borrowed,
    cutouts,
    desi,
    fasta,
    gaia,
    galah,
    genbank,
    hsc,
    legacy,
    redrock,
    sdss,
    sdssv,
    spectral_image,
    spectral_table,
    structure,
    tractor,
    universe,
    unread,
    well,
)
from foundation.data.formats.companions import leader
from foundation.data.formats.source import FormatError, Samples, Source, explained, open_source


@dataclass(frozen=True)
class Format:
    """A file format: what it is called, how it is told from others, and how it is read."""

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Samples]
    read_segments: Callable[[Source], Samples] | None = None  # for spectra of several arms: the arms kept apart


FORMATS: tuple[Format, ...] = (  # the first that recognises a file reads it
    Format("SDSS-V spec-*", sdssv.recognises_spec, sdssv.read_spec),
    Format("SDSS-V mwmVisit and mwmStar", sdssv.recognises_astra, sdssv.read_astra),
    Format("SDSS/BOSS/eBOSS spec-*", sdss.recognises, sdss.read),
    Format("DESI coadd-* and spectra-*", desi.recognises, desi.read, desi.read_segments),
    Format("GALAH DR3 and DR4", galah.recognises, galah.read),
    Format("APOGEE apStar and asStar", apogee.recognises_star, apogee.read_star),
    Format("APOGEE aspcapStar", apogee.recognises_aspcap, apogee.read_aspcap),
    Format("APOGEE apVisit", apogee.recognises_visit, apogee.read_visit),
    Format("2dF and AAOmega", aaomega.recognises, aaomega.read),
    Format("Gaia XP continuous", gaia.recognises_continuous, gaia.read_continuous),
    Format("Gaia XP sampled", gaia.recognises_sampled, gaia.read_sampled),
    Format("DESI redrock-*", redrock.recognises, redrock.read),
    Format("Legacy Surveys bricks", legacy.recognises_brick, legacy.read_brick),
    Format("Legacy Surveys cut-outs", legacy.recognises_cutout, legacy.read_cutout),
    Format("Legacy Surveys tractor-* and sweep-*", tractor.recognises, tractor.read),
    Format("DES cut-outs", cutouts.recognises_des, cutouts.read_des),
    Format("PS1 stacks", cutouts.recognises_ps1, cutouts.read_ps1),
    Format("HSC coadds and cut-outs", hsc.recognises_coadd, hsc.read_coadd),
    Format("HSC grizy cubes", hsc.recognises_cube, hsc.read_cube),
    Format("tables of the Multimodal Universe", universe.recognises, universe.read),
    Format("The Well's HDF5", well.recognises, well.read),
    Format("HSC scenes as npz", hsc.recognises_npz, hsc.read_npz),
    Format("FASTA", fasta.recognises, fasta.read),
    Format("FASTQ", fasta.recognises_fastq, fasta.read_fastq),
    Format("GenBank", genbank.recognises, genbank.read),
    Format("PDB and mmCIF", structure.recognises, structure.read),
    Format("tables with wavelength, flux and noise", spectral_table.recognises, spectral_table.read),
    Format("images along wavelength with noise", spectral_image.recognises, spectral_image.read),
    Format("what specutils reads, if it is installed", borrowed.recognises, borrowed.read),
)


def read_file(path: Path | str, segments: bool = False) -> Samples:
    """Read a survey file, together with the files that belong to it (see companions.py), one sample at a time.

    Args:
        path: the file, or one that belongs to it.
        segments: keep the arms of a spectrograph apart, instead of joining them where their pixels coincide.

    Returns:
        A generator of samples; its return value is a remark on what was left out, or "".

    Raises:
        FormatError: while it is iterated, if the file cannot be read; the message names the file and the remedy.
    """
    path = leader(Path(path))
    reading = _read(path, segments)
    try:
        while True:
            with explained(path):
                try:
                    sample = next(reading)
                except StopIteration as end:
                    return end.value
            yield sample
    finally:
        reading.close()


def format_of(source: Source) -> Format:
    """The format of an open file.

    Raises:
        FormatError: none of the table; the message says what the file is, if that is known.
    """
    for candidate in FORMATS:
        if candidate.recognises(source):
            return candidate
    reads = ", ".join(f.name for f in FORMATS)
    what = unread.name_of(source)
    if not what:
        what = (
            f"a file with HDUs {_layout(source)}"
            if source.hdus
            else "neither FITS nor HDF5 nor an HSC scene, and begins as no file of sequences or structures does"
        )
    raise FormatError(f"{source.path}: is {what}, not a format this version reads; it reads {reads}.")


def _read(path: Path, segments: bool) -> Samples:
    with open_source(path) as source:
        found = format_of(source)
        return (yield from ((segments and found.read_segments) or found.read)(source))


def _layout(source: Source) -> str:
    """The first HDUs, such as "PRIMARY, FLUX (image 4096)"."""
    parts = []
    for hdu in list(source.hdus)[:6]:
        kind = f"image {'x'.join(map(str, hdu.shape))}" if hdu.is_image and hdu.shape else ""
        kind = f"table {len(hdu.columns)} columns" if hasattr(hdu, "columns") else kind
        parts.append(f"{hdu.name or 'unnamed'}{f' ({kind})' if kind else ''}")
    return ", ".join(parts) + ("..." if len(source.hdus) > 6 else "")
