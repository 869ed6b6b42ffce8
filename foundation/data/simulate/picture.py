"""A page of simulated objects: colour images beside spectra, as a person would check them."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from foundation.data.records import Sample
from foundation.figures.canvas import bare, canvas, picture
from foundation.figures.objects import draw

SPECTRA = ("spectrum_sdss", "spectrum_desi", "spectrum_galah", "spectrum_apogee", "spectrum_gaia")


@picture
def page(samples: Sequence[Sample]) -> Figure:
    """PNG of one row an object: its image in colour and its spectra; what it lacks stays empty."""
    columns = ("image", *(name for name in SPECTRA if any(name in sample for sample in samples)))
    widths = [1, *(2.6 for _ in columns[1:])]
    figure, axes = canvas(1.7 * sum(widths), 1.7 * len(samples), len(samples), len(columns), width_ratios=widths)
    for row, sample in enumerate(samples):
        for column, modality in enumerate(columns):
            panel = axes[row * len(columns) + column]
            if modality == "image" or modality not in sample:
                bare(panel)
            if modality in sample:
                draw(panel, sample[modality])
        labels = sample.labels
        axes[row * len(columns)].set_title(f"{labels['class']} {labels['subclass']} z = {labels['z']:.3f}", fontsize=8)
    return figure
