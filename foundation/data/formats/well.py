"""Simulations in The Well's HDF5 layout: each trajectory becomes a sample with one field (arXiv:2412.00568).

A shard is read by whole samples. To train on windows of long trajectories, read the files themselves, by
foundation.data.fields.windows.FieldWindows, which reads the frames of a window and no others.
"""

from foundation.data.fields.opening import WellError, is_hdf5
from foundation.data.fields.reader import WellReader
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.records import Sample


def recognises(source: Source) -> bool:
    """Whether the file is HDF5; which layout it has is seen when it is read."""
    return not source.hdus and is_hdf5(source.path)


def read(source: Source) -> Samples:
    """One sample per trajectory: modality field_1d, field_2d or field_3d, with the parameters as labels.

    Raises:
        FormatError: the file is damaged or of another layout.
    """
    try:
        reader = WellReader(source.path)
        layout = reader.layout
        for number in range(layout.trajectories):
            field = reader.window(number)
            yield Sample(
                f"{layout.dataset}-{source.path.parent.name}-{source.path.stem}-{number}",
                {f"field_{len(layout.axes)}d": field},
                field.scalars,
                {"path": str(source.path), "survey": layout.dataset, "trajectory": number},
            )
    except WellError as error:
        raise FormatError(str(error)) from error
    return f"scalars that vary in time were left out: {', '.join(layout.series)}" if layout.series else ""
