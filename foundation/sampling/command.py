"""The `sample` verb: predicts modalities of stored objects from others, in physical units."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from foundation.data.records import Sample, informs
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.model.pretrained import FoundationModel
from foundation.model.stored import locate
from foundation.progress import track
from foundation.sampling.choose import Choice
from foundation.sampling.columns import Columns
from foundation.sampling.guidance import Guidance
from foundation.sampling.sampler import Sampler
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle

OBJECTS = 32  # completed together


def sample(
    model: str,
    records: Path,
    *,
    asked: list[str] | str,
    out: Path,
    given: list[str] | str = "",
    draws: int = 1,
    steps: int = 8,
    order: Literal["random", "confidence"] = "random",
    choice: Choice = Choice(),  # noqa: B008  frozen
    guidance: Guidance | None = None,
    seed: int = 0,
    limit: int | None = None,
    device: str = "cpu",
    allow_untrained: bool = False,
) -> None:
    """Predict modalities of the objects in record shards from their other modalities.

    Writes an npz file: `key` [n]; of an asked scalar `NAME.value` [n, draws] and its posterior, `NAME.probability`
    [n, codes] of the values `NAME.code_value` [codes]; of a spectrum `NAME.flux` [n, draws, pixels] and
    `NAME.wavelength`; of an image `NAME.flux` [n, draws, band, y, x] and `NAME.bands`; and `settings`, JSON.

    Example:
        foundation sample runs/sky/export data/sky_test --given image --asked redshift --out redshifts.npz

    Args:
        model: directory of an exported model, or a hub name.
        records: record shards.
        asked: modalities to predict; several as [redshift,spectrum_desi] or redshift,spectrum_desi.
        out: the file to write.
        given: modalities to predict from; empty = all an object has, but for the asked ones.
        draws: predictions of each object.
        steps: passes of the model; each reveals some more tokens of what is asked.
        order: tokens come in random order, or those first that the model is surest of.
        choice: temperature, top_k and top_p.
        guidance: conditions, which are given modalities, and scale, above 1 to follow them more than predicted.
        seed: each object and draw has its own, counted from this one.
        limit: use the first so many objects.
        device: where the model runs.
        allow_untrained: also predict what the model was not trained to predict.

    Raises:
        FoundationError: an untrained pathway, an unknown modality, no object that has what is given, or a bad file.
    """
    if out.suffix != ".npz" or draws < 1 or (limit is not None and limit < 1):
        raise FoundationError(f"out {out}, draws {draws}, limit {limit}. Give a name in .npz, and numbers above 0.")
    trained = frozenset() if allow_untrained else trained_policy(locate(model))
    encoder = FoundationModel.of_tokens(model, device=device)
    request = _Request.of(encoder, _names(asked), _names(given), draws, seed)
    sampler = Sampler(encoder, trained, choice, allow_untrained=allow_untrained, guidance=guidance)
    shards, columns = RecordShards(records), Columns(request.tokenizers, draws)
    total = min(len(shards), limit or len(shards))
    for chunk in _chunks(track(islice(shards, total), "sample", total), request):
        request.complete(chunk, columns, sampler, steps, order)
    if not len(columns):
        raise FoundationError(f"{records}: no object has {' and '.join(request.given)} to give. Give other modalities.")
    guided = {"guidance": asdict(guidance)} if guidance else {}
    settings = {"model": model, "steps": steps, "order": order, "seed": seed} | asdict(choice) | guided
    _write(columns, request, settings, out, total)


def _write(columns: Columns, request: "_Request", settings: Mapping[str, object], out: Path, total: int) -> None:
    """Write the file and say how many of the objects it holds."""
    columns.write(out, {**settings, "given": request.given, "asked": request.asked})
    left_out = f"; {total - len(columns)} lacked what is given" if len(columns) < total else ""
    print(f"{out}: {', '.join(request.asked)} of {len(columns)} objects{left_out}", file=sys.stderr)


@dataclass(frozen=True)
class _Request:
    """What is predicted from what, how often."""

    model: FoundationModel
    tokenizers: TokenizerBundle
    asked: list[str]
    given: list[str]
    either: bool  # an object needs any of the given modalities, rather than all
    draws: int
    seed: int

    @classmethod
    def of(cls, model: FoundationModel, asked: list[str], given: list[str], draws: int, seed: int) -> "_Request":
        """The request, if the model and its tokenizers have these modalities."""
        tokenizers: TokenizerBundle | None = model.tokenizers  # type: ignore[assignment]
        if tokenizers is None:
            raise FoundationError("The model was exported without its tokenizers. Export it again with `--tokenizers`.")
        made = {s.name for s in tokenizers.spaces}
        known = [s.name for s in model.spaces if s.name in made]
        if unknown := [m for m in (*asked, *given) if m not in known]:
            raise FoundationError(f"The model has no modality {', '.join(unknown)}; it has {', '.join(known)}.")
        return cls(model, tokenizers, asked, given or [m for m in known if m not in asked], not given, draws, seed)

    def met_by(self, sample: Sample) -> bool:
        """Whether the object has what is given."""
        return (any if self.either else all)(m in sample and informs(sample[m]) for m in self.given)

    def complete(
        self,
        chunk: Sequence[Sample],
        columns: Columns,
        sampler: Sampler,
        steps: int,
        order: Literal["random", "confidence"],
    ) -> None:
        """Add the predictions of some objects; each object and draw has its own seed."""
        tokens = self.model.tokenise(chunk, self.given)
        first = self.seed + len(columns) * self.draws
        seeds = range(first, first + len(tokens) * self.draws)
        repeated = [t for t in tokens for _ in range(self.draws)]
        drawn = sampler.complete(repeated, self.asked, steps=steps, seed=seeds, order=order)
        columns.add([s.key for s in chunk], drawn, self.asked)
        for space in self.model.spaces:
            if space.name in self.asked and not space.axes and space.discrete:
                columns.add_posterior(space.name, sampler.posterior(tokens, space.name))


def _chunks(samples: Iterable[Sample], request: _Request) -> Iterator[list[Sample]]:
    wanted = filter(request.met_by, samples)
    while chunk := list(islice(wanted, OBJECTS)):
        yield chunk


def _names(value: list[str] | str) -> list[str]:
    """Names as a list, or as one text with commas."""
    return [n.strip() for n in value.split(",") if n.strip()] if isinstance(value, str) else value
