"""Substitutions of a VCF file: what is kept, what is counted, what is refused."""

import gzip

import pytest

from foundation.data.formats.source import FormatError, open_source
from foundation.data.formats.vcf import Substitution, read_substitutions

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n"


def read(path):
    with open_source(path) as source:
        return read_substitutions(source)


def test_single_letters_are_kept_with_line_and_name_and_others_counted(tmp_path):
    path = tmp_path / "v.vcf.gz"
    text = HEAD + "chr1\t10\trs1\ta\tG,T\nchr1\t12\t.\tAC\tA\n\nchr2\t1\t.\tC\t<DEL>,G\tq\tPASS\n"
    path.write_bytes(gzip.compress(text.encode()))
    found = read(path)
    assert found.found == [
        Substitution("chr1", 9, "A", "G", "rs1", 3),
        Substitution("chr1", 9, "A", "T", "rs1", 3),
        Substitution("chr2", 0, "C", "G", "", 6),
    ]
    assert found.others == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1\t1\t.\tA\tC\n", "does not begin with"),
        (HEAD + "chr1\t1\tA\tC\n", "line 3: .* is not chromosome"),
        (HEAD + "chr1\t0\t.\tA\tC\n", "line 3"),
    ],
)
def test_other_files_and_broken_lines_are_refused(tmp_path, text, says):
    (tmp_path / "v.vcf").write_text(text)
    with pytest.raises(FormatError, match=says):
        read(tmp_path / "v.vcf")
