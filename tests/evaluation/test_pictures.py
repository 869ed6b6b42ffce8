"""Pictures compare like with like."""

from dataclasses import replace

from foundation.data.shards import write_records
from foundation.evaluation import pictures
from foundation.evaluation.observations import Observations

from .conftest import sky_object


def test_what_came_back_is_shown_in_the_bands_of_what_was_seen(encoder, tmp_path, monkeypatch):
    samples = [sky_object(i) for i in range(4)]
    turned = [replace(s, records={"image": s["image"].select(("DES-R", "DES-G"))}) for s in samples]
    write_records(turned, tmp_path / "sky")
    shown = []
    monkeypatch.setattr(pictures, "image_reconstructions", lambda pairs, names: shown.extend(pairs) or b"")
    list(pictures.reconstructions(encoder, Observations.read(tmp_path / "sky", "main")))
    assert len(shown) == pictures.EXAMPLES
    assert all(a.bands == b.bands == ("DES-R", "DES-G") for a, b in shown)
