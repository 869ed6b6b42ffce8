"""The table of subcommands: `foundation VERB`. Each is a typed function; its signature is its options and its YAML."""

import re
import sys
from importlib import import_module
from pathlib import Path

from foundation.errors import FoundationError
from foundation.extras import PACKAGE, extra_of

COMMANDS: dict[str, str | dict[str, str]] = {
    "quickstart": "foundation.quickstart:quickstart",
    "simulate": {
        "sky": "foundation.data.simulate.command:sky",
        "fields": "foundation.data.simulate.fields.command:fields",
        "genes": "foundation.data.simulate.genes.command:genes",
        "proteins": "foundation.data.simulate.proteins.command:proteins",
    },
    "ingest": "foundation.data.ingest:ingest",
    "crossmatch": "foundation.data.crossmatch:crossmatch",
    "partition": "foundation.data.partition:partition",
    "inspect": "foundation.data.inspect:inspect",
    "statistics": "foundation.data.fields.statistics:statistics",
    "tokenize": {
        "train": "foundation.tokenizers.train:train",
        "tracks": "foundation.tokenizers.tracks:tracks",
        "apply": "foundation.tokenizers.apply:apply",
        "check": "foundation.evaluation.kept:check",
    },
    "train": {
        "": "foundation.training.train:train",
        "anchored": "foundation.training.anchored.train:train",
        "tracks": "foundation.training.tracks.train:train",
    },
    "fields": {
        "train": "foundation.training.fields.train:train",
        "evaluate": "foundation.evaluation.fields.evaluate:evaluate",
        "steer": "foundation.evaluation.fields.steer:steer",
        "probe": "foundation.evaluation.fields.probe:probe",
        "mixing": "foundation.evaluation.fields.rayleigh_taylor:mixing",
    },
    "genes": {
        "ingest": "foundation.data.biology.genes.command:ingest",
        "proteins": "foundation.data.biology.genes.proteins:proteins",
        "split": "foundation.evaluation.genes.split:split",
        "baselines": "foundation.evaluation.genes.baselines:baselines",
        "evaluate": "foundation.evaluation.genes.evaluate:evaluate",
        "properties": "foundation.evaluation.genes.properties:properties",
        "splice": "foundation.sampling.genes.splice:splice",
        "probe": "foundation.sampling.genes.probe:probe",
        "describe": "foundation.sampling.genes.describe:describe",
        "edit": "foundation.sampling.genes.edit:edit",
        "inverse-fold": "foundation.sampling.genes.inverse_fold:inverse_fold",
    },
    "spectra": {
        "train": "foundation.training.spectra.train:train",
        "embed": "foundation.evaluation.spectra.embed:embed",
        "evaluate": "foundation.evaluation.spectra.evaluate:evaluate",
        "tokenizers": "foundation.tokenizers.from_model:tokenizers",
    },
    "plan": {
        "": "foundation.plan.tokens:plan",
        "fields": "foundation.plan.fields:plan",
        "anchored": "foundation.plan.anchored:plan",
        "spectra": "foundation.plan.spectra:plan",
        "tracks": "foundation.plan.tracks:plan",
    },
    "doctor": "foundation.doctor.command:doctor",
    "export": "foundation.training.export:export",
    "convert": "foundation.interop.command:convert",
    "embed": "foundation.evaluation.embed:embed",
    "evaluate": "foundation.evaluation.evaluate:evaluate",
    "find": "foundation.evaluation.find:find",
    "generate": "foundation.sampling.command:generate",
    "design": "foundation.sampling.design.command:design",
    "balance": "foundation.data.balance.command:balance",
    "bench": {
        "": "foundation.bench:bench",
        "anchored": "foundation.evaluation.anchored.command:anchored",
        "surveys": "foundation.evaluation.spectra.joint:surveys",
    },
}
SUMMARY = {
    "quickstart": "simulate a sky, train everything small, evaluate, write report.html",
    "simulate": "make record shards of simulated objects (sky), or files of simulated fields, genes, proteins",
    "ingest": "read survey files into record shards",
    "crossmatch": "join record sets of several surveys, object by object, by position on the sky",
    "partition": "divide a record set into training, validation and test sets, by cells of the sky",
    "inspect": "say what a file, shard directory, tokenizer or checkpoint holds",
    "statistics": "measure the channels of simulations and their increments; write stats.yaml",
    "tokenize": "train tokenizers (train, or tracks for genes), make token shards (apply), say what codes keep (check)",
    "train": "pretrain the masked transformer on token shards, or what the config names (system: anchored, tracks)",
    "fields": "train on simulations in The Well's layout (train), score, steer and probe models of them",
    "genes": "read annotated genomes and structures into rows, split them; evaluate, splice, probe, edit, design",
    "spectra": "train on spectra of all surveys on their own grids (train), embed, evaluate, make tokenizers of codes",
    "plan": "say what a training will take before it is run: parameters, memory, operations, hours",
    "doctor": "check versions, GPUs, links between ranks, shards and disk; say what to mend",
    "export": "turn a training checkpoint into model.safetensors + config.json",
    "convert": "turn a released checkpoint into safetensors + JSON, running nothing in it",
    "embed": "frozen embeddings of survey files or shards, as parquet or npz",
    "evaluate": "probe the frozen encoder on tasks, beside its baselines; write a report",
    "find": "find the objects most like some, by frozen features, beside what the raw records would find",
    "generate": "predict any modality of survey files or shards from any other, in physical units",
    "design": "design RNA or DNA sequences for a protein structure, within constraints",
    "balance": "predict how busy each policy of dealing a mix of data sets keeps all ranks",
    "bench": "measure speed and memory as ratios; compare orders of generation (anchored), joint training (surveys)",
}

MARKS = {"fields": r"\bsets:", "spectra": r"\bpatches_per_batch:"}  # system -> what only its configs have


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; an error the user can act on is one sentence on stderr and status 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        from foundation import __version__

        print(__version__)
        return 0
    try:
        _run(arguments)
    except FoundationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (extra := extra_of(error.name or "")) is None:
            raise
        print(f"error: this needs {error.name}. Type `pip install '{PACKAGE}[{extra}]'`.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _run(arguments: list[str]) -> None:
    verb, rest = arguments[0], arguments[1:]
    if verb not in COMMANDS:
        raise FoundationError(f"no command {verb!r}; there are {', '.join(COMMANDS)}. Type `foundation --help`.")
    home = COMMANDS[verb]
    name = f"foundation {verb}"
    if isinstance(home, dict) and "" in home and (not rest or rest[0] not in home):
        home = home.get(_system(rest), home[""])  # what the verb does without a word of its own
    elif isinstance(home, dict):
        if not rest or rest[0] not in home:
            if rest and rest[0] in ("-h", "--help"):
                choices, example = ",".join(home), f"{name} {next(iter(home))} --help"
                print(f"usage: {name} {{{choices}}} [options]\n\n{SUMMARY[verb]}\n\nexample: {example}")
                return
            raise FoundationError(f"{name} wants one of {', '.join(home)}. Type `{name} {next(iter(home))} --help`.")
        name, home, rest = f"{name} {rest[0]}", home[rest[0]], rest[1:]
    module, function = home.split(":")
    from foundation.cli import call  # loads jsonargparse, which `--help` alone does not need

    call(getattr(import_module(module), function), rest, name)


def _system(arguments: list[str]) -> str:
    """What the config files say they are for, in a line `system: WORD` or by what only one has; "" without either."""
    given = re.findall(r"(?:^|\n)--config[=\n]([^\n]+)", "\n".join(arguments))
    text = "\n".join(path.read_text() for path in map(Path, given) if path.is_file())
    said = re.search(r"^system: *(\w+)", text, re.MULTILINE)
    return said[1] if said else next((system for system, mark in MARKS.items() if re.search(mark, text)), "")


def _overview() -> str:
    width = max(map(len, COMMANDS))
    table = "\n".join(f"  {verb:<{width}}  {SUMMARY[verb]}" for verb in COMMANDS)
    hint = "`foundation COMMAND --help` shows its options and an example."
    return f"usage: foundation COMMAND [options]\n\n{table}\n\n{hint}"


if __name__ == "__main__":
    sys.exit(main())
