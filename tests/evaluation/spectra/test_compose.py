"""The report's tables and pictures: the best is marked, few labels have columns, real files are drawn."""

import numpy as np
import pytest
from astropy.table import Table

from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Interval
from foundation.evaluation.spectra.ask import Curve
from foundation.evaluation.spectra.compose import chi2_table, efficiency_table, overlay_pictures
from foundation.evaluation.spectra.predict import Predicted
from foundation.evaluation.tasks import Task

REAL = (
    "boss_plate7102/spec-7102-56666-0598.fits.gz",
    "desi/coadd-5-169-thru20210419.fits.gz",
    "apogee/apStar-r6-2M03290406+3117075.fits",
    "galah/2101150001010011.fits.gz",
    "other_spectra/marz_emlLogVacuumHelioMultiple.fits.gz",
)


def test_the_smallest_median_is_marked_and_faint_objects_stand_apart():
    snr = np.array([2.0, 5.0, 30.0, 80.0])
    one = Predicted("a", "b", "c", snr, {"model": np.array([1.0, 1.2, 3, 5]), "constant": np.array([2.0, 3, 9, 9])}, ())
    table = chi2_table([one, one])
    assert table.best == {(0, 3), (2, 3)}
    assert [[*row[:3], row[4]] for row in table.rows[:2]] == [
        ["a → b of c", "model", "4", "2"],
        ["a → b of c", "constant", "4", "2"],
    ]
    assert table.rows[0][3].startswith("2.1") and table.rows[0][5].startswith("1.1")


def test_every_number_of_labels_has_a_column():
    def curve(target, counts):
        points = {"encoder": tuple((n, Interval(0.5, 0.4, 0.6)) for n in counts)}
        return Curve(Task(f"{target}_x", "regression", ("x",), target), "r2", points)

    table = efficiency_table([curve("z", (10, 30)), curve("teff", (10, 25))])
    assert table.columns[2:] == ["10 labels", "25 labels", "30 labels"]
    assert [row[2:] for row in table.rows] == [
        ["0.5 [0.4, 0.6]", "–", "0.5 [0.4, 0.6]"],
        ["0.5 [0.4, 0.6]", "0.5 [0.4, 0.6]", "–"],
    ]


def test_real_files_of_five_surveys_are_drawn(spectral_model, astro_data):
    [picture] = overlay_pictures(spectral_model, [astro_data / name for name in REAL])
    assert picture.png.startswith(b"\x89PNG") and picture.name == "overlays"


def test_a_file_without_anything_to_read_is_named(spectral_model, tmp_path):
    path = tmp_path / "dead.ecsv"
    Table({"wavelength": np.linspace(5000, 6000, 90), "flux": np.ones(90), "ivar": np.zeros(90)}).write(path)
    with pytest.raises(FoundationError, match=r"dead\.ecsv has no spectrum"):
        list(overlay_pictures(spectral_model, [path]))
