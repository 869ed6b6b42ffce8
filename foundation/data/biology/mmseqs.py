"""Links between similar sequences, as the program MMseqs2 finds them (Steinegger & Soeding 2017), where it is there."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from foundation.errors import FoundationError

PROGRAM = "mmseqs"
COVERAGE = 0.8  # of both sequences that an alignment spans, as for LORE (arXiv:2604.24506)


def similar(sequences: Sequence[tuple[str, str]], identity: float, coverage: float = COVERAGE) -> list[tuple[str, str]]:
    """Pairs of names: the representative of a cluster and a member of it, which for itself is the same.

    Args:
        sequences: names and letters, all proteins or all RNA or DNA, which the program tells apart by itself.
        identity: least share of equal letters in an alignment of two.
        coverage: least share of both sequences that it spans.

    Raises:
        FoundationError: the program is not installed or fails, or an identity that is not above 0 and at most 1.
    """
    if not 0 < identity <= 1:
        raise FoundationError(f"Sequences are called similar at an identity of {identity}. Give above 0 and at most 1.")
    if shutil.which(PROGRAM) is None:
        raise FoundationError(
            f"there is no program `{PROGRAM}` on the PATH. Install MMseqs2 (Debian and conda: mmseqs2), or give "
            "`--clusters`."
        )
    with TemporaryDirectory(prefix="mmseqs-") as directory:
        at = Path(directory)
        (at / "in.fasta").write_text("".join(f">{i}\n{letters}\n" for i, (_, letters) in enumerate(sequences)))
        _run("easy-cluster", at / "in.fasta", at / "out", at / "work", "--min-seq-id", identity, "-c", coverage)
        lines = (at / "out_cluster.tsv").read_text().splitlines()
    ends = (line.split("\t") for line in lines)
    return [(sequences[int(first)][0], sequences[int(member)][0]) for first, member in ends]


def _run(*words: object) -> None:
    done = subprocess.run([PROGRAM, *map(str, words), "-v", "1"], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise FoundationError(f"`{PROGRAM} {words[0]}` failed: {said[-1] if said else 'it said nothing'}.")
