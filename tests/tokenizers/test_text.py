"""Pieces of words: greedy from the longest, learned alike every time, one vocabulary for all texts of a data set."""

import os
import subprocess
import sys

import pytest

from foundation.__main__ import main
from foundation.data.biology.sequence import Sequence
from foundation.data.records import RecordError, Sample
from foundation.data.shards import RecordShards, write_records
from foundation.data.text import Text
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.text import TextConfig, TextTokenizer, learned_pieces

PIECES = ("RNA", "bind", "##ing", "##s", "b", "##i", ",")
TEXTS = ["in vivo, reagent: NAI, human", "in vitro, reagent: DMS, mouse", "binds RNA; binding, bound"] * 3


def test_the_longest_piece_wins_and_words_without_pieces_are_unknown():
    tokenizer = TextTokenizer(TextConfig(PIECES), "context")
    tokens = tokenizer.encode([Text("binding  RNA, binds zeta bi")])[0]
    assert tokens.ids.tolist() == [1, 2, 0, 6, 1, 3, 9, 4, 5]
    assert tokens.position[:, 0].tolist() == list(range(9)) and set(tokens.track.tolist()) == {7}
    assert tokenizer.space.size == 7 + 3
    assert tokenizer.decode([tokens])[0] == Text("binding RNA , binds [UNK] bi")


def test_what_was_learned_spells_its_texts_and_has_all_letters():
    pieces = learned_pieces(TEXTS, 150)
    assert len(pieces) <= 150 and list(pieces) == sorted(set(pieces))
    tokenizer = TextTokenizer(TextConfig(pieces), "context")
    for text in (*TEXTS[:3], "nova DNI"):
        back = tokenizer.decode(tokenizer.encode([Text(text)]))[0].words
        assert back.replace(" ", "") == text.replace(" ", "")
    words = tokenizer.encode([Text("reagent")])[0]
    assert len(words) < 4, "frequent words are few pieces"


def test_learning_is_the_same_in_another_process():
    code = f"from foundation.tokenizers.text import learned_pieces; print(learned_pieces({TEXTS!r}, 90))"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout == f"{learned_pieces(TEXTS, 90)}\n"


def test_one_vocabulary_for_all_texts_of_a_data_set(tmp_path):
    def row(i):
        letters = Sequence("ACGU" * (3 + i), "rna")
        return Sample(f"t{i}", {"rna_seq": letters, "context": Text(TEXTS[i]), "note": Text(f"number {i}")}, {})

    write_records([row(i) for i in range(6)], tmp_path / "r")
    assert main(["tokenize", "tracks", str(tmp_path / "r"), f"--out={tmp_path / 't'}", "--pieces=120"]) == 0
    made = TokenizerBundle.from_pretrained(tmp_path / "t").tokenizers
    context, note = made["context"].config, made["note"].config
    assert context.pieces == note.pieces and {"number", "6"} & set(note.pieces) and context.track == 7 != note.track
    read = next(iter(RecordShards(tmp_path / "r")))
    assert read["context"] == Text(TEXTS[0])
    tokens = TokenizerBundle(made).encode([read])[0]
    assert set(tokens.names()) == {"rna_seq", "context", "note"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: learned_pieces(TEXTS, 5), "asked for 5"),
        (lambda: learned_pieces([], 50), "Give texts"),
        (lambda: TextConfig(("a", "a")), "Give each piece once"),
        (lambda: TextTokenizer(TextConfig(PIECES, longest=2), "c").encode([Text("binds RNA")]), "3 pieces, 2 at most"),
        (lambda: TextTokenizer(TextConfig(PIECES), "c").encode([Sequence("A", "rna")]), "takes a Text"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(TokenizerError, match=says):
        make()


def test_a_text_has_a_word():
    assert Text(" a \n b ").words == "a b"
    with pytest.raises(RecordError, match="no word"):
        Text("  ")
