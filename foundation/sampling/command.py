"""The `generate` verb: predicts modalities of objects in files or shards from others, in physical units."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from foundation.data.ingest import Outcome
from foundation.data.records import Sample, informs
from foundation.errors import FoundationError
from foundation.evaluation.embed import conclude, samples_in
from foundation.interop.aion_records import naming
from foundation.model.pretrained import FoundationModel
from foundation.model.stored import locate
from foundation.sampling.choose import Choice
from foundation.sampling.columns import Columns
from foundation.sampling.guidance import Guidance
from foundation.sampling.sampler import Sampler
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle

OBJECTS = 32  # completed together


def generate(
    model: str,
    files: list[Path],
    *,
    asked: list[str] | str,
    out: Path,
    given: list[str] | str = "",
    draws: int = 1,
    steps: int = 8,
    order: Literal["random", "confidence"] = "random",
    choice: Choice = Choice(),  # noqa: B008  frozen
    guidance: Guidance | None = None,
    cached: bool = False,
    seed: int = 0,
    limit: int | None = None,
    device: str = "cpu",
    allow_untrained: bool = False,
) -> None:
    """Predict modalities of the objects in survey files or record shards from their other modalities.

    Writes an npz file: `key` [n]; of an asked scalar `NAME.value` [n, draws] and its posterior, `NAME.probability`
    [n, codes] of the values `NAME.code_value` [codes]; of a spectrum `NAME.flux` [n, draws, pixels] and
    `NAME.wavelength`; of an image `NAME.flux` [n, draws, band, y, x] and `NAME.bands`; and `settings`, JSON.

    Example:
        foundation generate runs/sky/export data/sky_test --given image --asked redshift --out redshifts.npz

    Args:
        model: directory of an exported model, or a hub name.
        files: survey files, directories of them, patterns, or directories of record shards.
        asked: modalities to predict; several as [redshift,spectrum_desi] or redshift,spectrum_desi.
        out: the file to write.
        given: modalities to predict from; empty = all an object has, but for the asked ones.
        draws: predictions of each object.
        steps: passes of the model; each reveals some more tokens of what is asked.
        order: tokens come in random order, or those first that the model is surest of.
        choice: temperature, top_k and top_p; cooling and coldest of a temperature that falls from step to step.
        guidance: conditions, which are given modalities, and scale, above 1 to follow them more than predicted.
        cached: encode what is given once for all steps, with a model that was trained stepwise.
        seed: each object and draw has its own, counted from this one.
        limit: look at the first so many objects.
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
    outcome, columns = Outcome(), Columns(request.tokenizers, draws)
    samples = map(naming(encoder.spaces), islice(samples_in(files, outcome), limit))
    for chunk in request.chunks(samples):
        request.complete(chunk, columns, sampler, steps=steps, order=order, cached=cached)
    if not len(columns):
        raise _nothing(files, request, outcome)
    settings = {
        "model": model,
        "steps": steps,
        "order": order,
        "cached": cached,
        "guidance": guidance and asdict(guidance),
    }
    columns.write(out, {**settings, **asdict(choice), "seed": seed, "given": request.given, "asked": request.asked})
    conclude(outcome, out, f"{', '.join(request.asked)} of {len(columns)} objects", request.left_out)


@dataclass
class _Request:
    """What is predicted from what, how often; counts the objects that lack what is given."""

    model: FoundationModel
    tokenizers: TokenizerBundle
    asked: list[str]
    given: list[str]
    either: bool  # an object needs any of the given modalities, rather than all
    draws: int
    seed: int
    left_out: int = 0

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

    def chunks(self, samples: Iterable[Sample]) -> Iterator[list[Sample]]:
        """Objects that have what is given, some at a time."""
        wanted = filter(self.counted, samples)
        while chunk := list(islice(wanted, OBJECTS)):
            yield chunk

    def counted(self, sample: Sample) -> bool:
        """As `met_by`, and note those that are not."""
        met = self.met_by(sample)
        self.left_out += not met
        return met

    def complete(self, chunk: Sequence[Sample], columns: Columns, sampler: Sampler, **options: Any) -> None:  # noqa: ANN401
        """Add the predictions of some objects; each object and draw has its own seed.

        Args:
            options: steps, order and cached of `Sampler.complete`.
        """
        tokens = self.model.tokenise(chunk, self.given)
        first = self.seed + len(columns) * self.draws
        seeds = range(first, first + len(tokens) * self.draws)
        repeated = [t for t in tokens for _ in range(self.draws)]
        drawn = sampler.complete(repeated, self.asked, seed=seeds, **options)
        columns.add([s.key for s in chunk], drawn, self.asked)
        for space in self.model.spaces:
            if space.name in self.asked and not space.axes and space.discrete:
                columns.add_posterior(space.name, sampler.posterior(tokens, space.name))


def _nothing(files: Sequence[Path], request: _Request, outcome: Outcome) -> FoundationError:
    """What to say when no object has what is given."""
    where, reasons = ", ".join(map(str, files[:3])), " ".join(reason for _, reason in outcome.failures[:3])
    wanted = " and ".join(request.given)
    return FoundationError(f"{where}: no object has {wanted} to give. Give other modalities. {reasons}".rstrip())


def _names(value: list[str] | str) -> list[str]:
    """Names as a list, or as one text with commas."""
    return [n.strip() for n in value.split(",") if n.strip()] if isinstance(value, str) else value
