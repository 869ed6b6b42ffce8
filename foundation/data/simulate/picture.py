"""A page of simulated objects: colour images beside spectra, as a person would check them."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from foundation.data.records import Sample
from foundation.figures.canvas import bare, canvas, picture
from foundation.figures.objects import draw

COLUMNS = ("image", "spectrum_sdss", "spectrum_desi")


@picture
def page(samples: Sequence[Sample]) -> Figure:
    """PNG of one row an object: its image in colour and its spectra; what it lacks stays empty."""
    figure, axes = canvas(11, 1.7 * len(samples), len(samples), len(COLUMNS), width_ratios=[1, 2.6, 2.6])
    for row, sample in enumerate(samples):
        for column, modality in enumerate(COLUMNS):
            panel = axes[row * len(COLUMNS) + column]
            if modality == "image" or modality not in sample:
                bare(panel)
            if modality in sample:
                draw(panel, sample[modality])
        labels = sample.labels
        axes[row * len(COLUMNS)].set_title(f"{labels['class']} {labels['subclass']} z = {labels['z']:.3f}", fontsize=8)
    return figure
