"""Edits: mutations lie where the file says, only the window changes, ways do what they say, the verb as a whole."""

import csv
import json
from dataclasses import replace

import pytest
import torch
from scipy.stats import entropy

from foundation.__main__ import main
from foundation.data.biology.genes.layout import MARKS
from foundation.data.formats.source import open_source
from foundation.data.formats.vcf import Substitution, read_substitutions
from foundation.data.simulate.genes.spliceosome import splice
from foundation.errors import FoundationError
from foundation.sampling.genes.edited import restored
from foundation.sampling.genes.mutated import mutated
from foundation.sampling.genes.repair import Repair
from foundation.sampling.genes.trained import tracks_model

WAYS = ("one-shot", "random", "confidence", "vote", "letters alone", "chance")
FLANK = 60


@pytest.fixture(scope="module")
def broken(made):
    with open_source(made[0] / "variants.vcf") as source:
        return mutated(made[2], read_substitutions(source).found, "variants.vcf")


@pytest.fixture(scope="module")
def repair(exported):
    names = ("rna_seq", MARKS)
    trained = frozenset({(a, b) for a in names for b in names})
    return Repair(tracks_model(str(exported)), trained, stretch=200, window=(-20, 12))


@pytest.fixture(scope="module")
def task(repair, broken):
    change = broken[0][0]
    return repair.task(change, repair.model.tokenise([change.row], ["rna_seq", MARKS])[0])


def test_mutated_transcripts_are_spliced_as_the_truth_says_on_both_strands(made, broken):
    _, genes, _ = made
    found, reasons = broken
    truth = {f"{g.name}{v.new}": v for g in genes for v in g.variants}
    assert {m.name for m in found} == {name for name in truth if name.endswith("T")}
    assert reasons["take a letter that a wanted site needs"] == sum(name.endswith("A") for name in truth)
    assert {m.row.origin["strand"] for m in found} == {1, -1}
    for m in found:
        v = truth[m.name]
        assert m.place == v.place + FLANK and m.letters[m.place] == v.new.replace("T", "U")
        assert splice(m.letters[FLANK:-FLANK].replace("U", "T")) == v.exons
        gene = next(g for g in genes if g.name == m.name[:-1])
        assert m.exons == [(a + FLANK, b + FLANK) for a, b in gene.exons]


def test_variants_outside_and_of_other_assemblies(made):
    row = made[2][0]
    nothing, reasons = mutated([row], [Substitution("c0", 10, "A", "C"), Substitution("cX", 900, "A", "C")], "v.vcf")
    assert not nothing and reasons == {"in no row": 2}
    letter = row["rna_seq"].letters[300].replace("U", "T")
    other = next(x for x in "ACG" if x != letter)
    with pytest.raises(FoundationError, match=r"v\.vcf, line 7: the letter is"):
        mutated([row], [Substitution("c0", 800, other, "T", line=7)], "v.vcf")


def test_what_is_asked_is_not_shown_and_the_mutation_is(repair, task):
    question = repair.question(task)
    place = question.given.position[question.given.of("rna_seq"), 0] - task.mutated.place
    assert sorted({*range(-20, 13)} - set(place.int().tolist())) == [p for p in range(-20, 13) if p != 0]
    assert question.asked.names() == ("rna_seq",) and len(question.asked) == 32
    at = question.given.of("rna_seq")[place == 0]
    assert question.given.ids[at].item() == "ACGU".index(task.mutated.new)
    assert len(question.given.of(MARKS)) == 200 and not len(repair.question(task, wanted=False).given.of(MARKS))


@pytest.mark.parametrize("way", WAYS)
def test_each_way_draws_letters_that_depend_on_the_seed_alone(repair, task, way):
    many = repair.drawn(task, way, 4, seed=3)
    assert all(len(x) == 32 and set(x) <= set("ACGU") for x in many)
    assert repair.drawn(task, way, 2, seed=4) == many[1:3], "a batch is a loop"
    assert len(set(many)) > 1


def test_wanted_junctions_matter_to_designs_but_for_the_ways_without_them(repair, task):
    other = task.tokens.ids.clone()
    at = task.tokens.of(MARKS)
    other[at] = (other[at] + 1) % 5
    changed = replace(task, tokens=replace(task.tokens, ids=other))
    same = {way: repair.drawn(task, way, 3, 0) == repair.drawn(changed, way, 3, 0) for way in WAYS}
    assert same["letters alone"] and same["chance"] and not (same["random"] or same["vote"] or same["one-shot"])


@pytest.mark.parametrize("way", ["confidence", "chance"])
def test_no_more_letters_change_than_may(repair, task, way):
    few = replace(repair, most=2)
    for letters in few.drawn(task, way, 5, seed=1):
        assert sum(a != b for a, b in zip(letters, task.before, strict=True)) == 2
    assert few.drawn(task, way, 5, seed=1) == few.drawn(task, way, 5, seed=1)
    with pytest.raises(FoundationError, match="most -1 edits"):
        replace(repair, most=-1)


def test_of_edits_the_best_by_the_model_is_kept(repair, task):
    """With one edit allowed all single edits of the filling are tried by hand."""
    filling = repair.drawn(task, "one-shot", 1, seed=2)[0]
    found = replace(repair, most=1).drawn(task, "one-shot", 1, seed=2)[0]
    edits = [i for i, (a, b) in enumerate(zip(task.before, filling, strict=True)) if a != b]
    single = [task.before[:i] + filling[i] + task.before[i + 1 :] for i in edits]
    likeness = [repair.outlooks(task, [task.edited(letters)])[0].likeness for letters in single]
    assert found == single[max(range(len(single)), key=likeness.__getitem__)]


def test_a_search_finds_the_best_letter_of_all_and_goes_on_from_there(repair, task):
    """All single edits, and all further ones of the best of them, are tried by hand."""

    def best(versions):
        outlooks = repair.outlooks(task, [task.edited(letters) for letters in versions])
        return sorted(zip(versions, [o.likeness for o in outlooks], strict=True), key=lambda x: -x[1])

    def further(letters):
        places = [i for i in range(32) if letters[i] == task.before[i]]
        return [letters[:i] + x + letters[i + 1 :] for i in places for x in "ACGU" if x != letters[i]]

    single = best(further(task.before))
    double = best(further(single[0][0]))
    assert len(single) == 96 and len(double) == 93
    assert replace(repair, most=1).drawn(task, "search", 3, seed=0) == [letters for letters, _ in single[:3]]
    every = sorted([*single, *double], key=lambda x: -x[1])
    assert replace(repair, most=2).drawn(task, "search", 4, seed=5) == [letters for letters, _ in every[:4]]
    with pytest.raises(FoundationError, match="Give --most 1 or more"):
        repair.drawn(task, "search", 1, seed=0)


def test_edits_change_the_window_alone_and_restoring_is_the_simulators_word(repair, task):
    assert not restored(task, task.before), "the mutation breaks the splicing"
    letters = "A" * 32
    edited = task.edited(letters)
    assert torch.equal(edited.ids[task.window], torch.zeros(32, dtype=torch.long))
    rest = torch.ones(len(edited), dtype=torch.bool)
    rest[task.window] = False
    assert torch.equal(edited.ids[rest], task.tokens.ids[rest])
    assert restored(task, letters), "without the letters of a donor around it the new site is none"


def test_outlooks_are_read_off_the_predicted_table(repair, task):
    from foundation.sampling.genes.conditions import Condition
    from foundation.sampling.marginals import marginals

    outlook = repair.outlooks(task, [task.tokens])[0]
    p = marginals(repair.model, [Condition(("rna_seq",)).junctions(task.tokens)])[0]
    wanted = task.tokens.ids[task.tokens.of(MARKS)]
    assert outlook.likelihood == pytest.approx(sum(float(p[i, w].log()) for i, w in enumerate(wanted)))
    wild = marginals(repair.model, [Condition(("rna_seq",)).junctions(task.wild)])[0]
    assert outlook.likeness == pytest.approx(-float(entropy(wild.numpy(), p.numpy(), axis=1).sum()))
    assert repair.outlooks(task, [task.wild])[0].likeness == pytest.approx(0, abs=1e-9)
    assert outlook.likeness < -1e-6
    wrong = max(float(p[i, k]) for i, w in enumerate(wanted) for k in (1, 2) if w != k)
    assert outlook.wrong == pytest.approx(wrong)


def _check_single_letters(samples, rows, told):
    """All changes of one letter of each window, spliced by hand."""
    by_key, shares = {s.key: s for s in samples}, []
    for r in {r["variant"]: r for r in rows}.values():
        letters, place = by_key[r["transcript"]]["rna_seq"].letters, int(r["place"]) - 1
        wanted, found = splice(letters[FLANK:-FLANK].replace("U", "T")), []
        broken = letters[:place] + "U" + letters[place + 1 :]
        for n in range(place - 30, place):
            for new in set("ACGU") - {broken[n]}:
                edited = broken[:n] + new + broken[n + 1 :]
                found.append(splice(edited[FLANK:-FLANK].replace("U", "T")) == wanted)
        shares.append(sum(found) / len(found))
    assert told["restored"]["value"] == pytest.approx(sum(s > 0 for s in shares) / len(shares))
    assert told["restored_of_all"]["value"] == pytest.approx(sum(shares) / len(shares)) and max(shares) < 1


def test_the_verb(made, exported, tmp_path, capsys):
    command = ["genes", "edit", str(exported), str(made[0] / "rows"), f"--variants={made[0] / 'variants.vcf'}"]
    more = ["--ways=[confidence, chance]", "--n=3", "--window=[-30,-1]", "--simulated", "--steps=2"]
    assert main([*command, *more, f"--out={tmp_path}"]) == 0
    assert "take a letter that a wanted site needs" in capsys.readouterr().err
    with (tmp_path / "designs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["way"] for r in rows} == {"confidence", "chance"} and {r["restored"] for r in rows} <= {"true", "false"}
    for r in rows:
        assert len(r["design"]) == len(r["window"]) == 30
        assert int(r["edits"]) == sum(a != b for a, b in zip(r["design"], r["window"], strict=True))
    likeness = [float(r["likeness"]) for r in rows if r["way"] == "chance" and r["transcript"] == rows[0]["transcript"]]
    assert len(likeness) == 3 and likeness == sorted(likeness, reverse=True)
    best = [r for r in rows if r["rank"] == "1" and r["way"] == "chance"]
    results = json.loads((tmp_path / "results.json").read_text())
    share = sum(r["restored"] == "true" for r in best) / len(best)
    assert results["ways"]["chance"]["restored"]["value"] == pytest.approx(share)
    _check_single_letters(made[2], rows, results["ways"]["any one letter"])
    assert "restored, by the simulator" in (tmp_path / "report.html").read_text()
    assert main([*command, "--window=[5,2]", f"--out={tmp_path}"]) == 1
    assert "Give the first place before the last" in capsys.readouterr().err
