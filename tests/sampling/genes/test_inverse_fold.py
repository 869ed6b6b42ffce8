"""Sequences for backbones: what is asked and kept, likelihoods by their definition, and the verb from end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genes.proteins import rows_of
from foundation.data.biology.surface import SURFACE
from foundation.data.biology.track import Track
from foundation.data.formats.structure import read_structure
from foundation.data.formats.structure_writer import write_structure
from foundation.data.shards import RecordShards, write_records
from foundation.data.simulate.proteins.command import simulated
from foundation.errors import FoundationError
from foundation.masking import Pathway, SplitTrack
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes.inverse_fold import designed
from foundation.sampling.genes.refill import Refill, by_composition, recovery
from foundation.sampling.genes.target import Wishes, target_of
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.marginals import marginals
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.structure import StructureConfig, StructureTokenizer
from foundation.tokenizers.tracks import survey, tokenizers_of
from foundation.training import resolved

pytest.importorskip("mdtraj")
SHOWN = ("prot_struct", "sasa", "dssp")
ALL = frozenset((name, "aa_seq") for name in (*SHOWN, "aa_seq"))
SMALL = StructureConfig(nearest=8, levels=(5, 5, 4), width=16, heads=2, decoder_width=16, decoder_depth=1)


@pytest.fixture(scope="module")
def structures():
    return [one.structure for one in simulated(2, 20, 24)]


@pytest.fixture(scope="module")
def exported(structures, tmp_path_factory):
    return export(structures, tmp_path_factory.mktemp("folds"), SHOWN)


def export(structures, out, shown, surface=False):
    """A model that has learned nothing, with weights large enough that all it is shown matters."""
    write_records((row for s in structures for row in rows_of(s, False, 10, surface)), out / "rows")
    torch.manual_seed(0)
    made = tokenizers_of(survey(RecordShards(out / "rows")), 8, {})
    codec = StructureTokenizer(SMALL)
    codec._quantizer.normal.momentum = 1.0
    codec.reconstruct(codec.prepare(structures))
    bundle = TokenizerBundle({**made, "prot_struct": codec.eval()})
    config = TrackConfig(width=32, depth=1, decoder_depth=2, heads=4, hidden=32, registers=2, rotated=8)
    model = TrackModel(config, bundle.spaces, bundle)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    model.tokenizers = bundle
    model.save_pretrained(out / "export")
    policy = SplitTrack((Pathway(asked=("aa_seq",), given=("aa_seq",), optional=shown),))
    (out / "export" / "training.yaml").write_text(yaml.safe_dump({"policy": resolved.by_class(policy)}))
    return out / "export"


@pytest.fixture(scope="module")
def model(exported):
    return tracks_model(str(exported))


@pytest.fixture(scope="module")
def target(structures):
    return target_of(structures[0], "", Wishes())


def a_refill(model, target, **options):
    return Refill(model, ALL, target, **({"shown": SHOWN, "steps": 3} | options))


@pytest.mark.parametrize("way", ["one-shot", "random", "confidence"])
def test_a_design_depends_on_its_seed_and_not_on_its_company(model, target, way):
    refill = a_refill(model, target)
    many = refill.drawn(way, 3, 5)
    assert many == refill.drawn(way, 3, 5)
    assert [refill.drawn(way, 1, seed)[0] for seed in (5, 6, 7)] == many
    assert len(set(many)) > 1
    assert all(len(s) == len(target.native) and set(s) <= set(AMINO_ACIDS) for s in many)


def test_what_is_kept_is_kept_and_what_is_omitted_never_drawn(model, structures):
    native = structures[0].letters
    template = "XXWX" + "X" * (len(native) - 4)
    wishes = Wishes(template=template, fixed="5-7, 10", omit="ACDEFGH")
    target = target_of(structures[0], "A", wishes)
    refill = a_refill(model, target, omit=wishes.omit)
    stays = [2, 4, 5, 6, 9]
    assert np.flatnonzero(~target.designed).tolist() == stays
    for letters in refill.drawn("random", 4, 0):
        assert letters[2] == "W" and all(letters[i] == native[i] for i in stays[1:])
        assert not set("".join(x for i, x in enumerate(letters) if i not in stays)) & set(wishes.omit)
    kept = refill.question(target.kept)
    at = kept.given.of("aa_seq")
    assert kept.given.position[at, 0].tolist() == stays
    assert kept.asked.position[:, 0].tolist() == np.flatnonzero(target.designed).tolist()


def test_the_likelihood_is_that_of_residues_in_turn(model, target):
    """One pass against the definition, and several against a chain written out by hand."""
    letters = "".join(np.random.default_rng(1).choice(list(AMINO_ACIDS), len(target.native)))
    once = a_refill(model, target, steps=1)
    [p] = marginals(model, [once.question(target.kept)])
    symbols = model.tokenizers.tokenizers["aa_seq"].config.symbols
    codes = [symbols.index(x) for x in letters]
    assert once.likelihoods([letters])[0] == pytest.approx(np.log(p.numpy()[range(len(codes)), codes]).mean())
    several = a_refill(model, target, steps=2)
    order = torch.randperm(len(letters), generator=torch.Generator().manual_seed(3)).numpy()
    first, second = np.array_split(order, 2)
    shown = "".join(x if i in first else "X" for i, x in enumerate(letters))
    ahead = np.isin(np.arange(len(letters)), first)
    [before] = marginals(model, [several.question(target.kept, ahead)])
    [after] = marginals(model, [several.question(shown, ~ahead)])
    total = sum(np.log(float(before[n, codes[i]])) for n, i in enumerate(sorted(first)))
    total += sum(np.log(float(after[n, codes[i]])) for n, i in enumerate(sorted(second)))
    assert several.likelihoods([letters, target.native], seed=3)[0] == pytest.approx(float(total) / len(letters))


def test_predictions_follow_each_thing_that_is_shown(model, structures, target):
    native = [target.native]
    whole = a_refill(model, target, steps=1).likelihoods(native)[0]
    for name in SHOWN:
        without = tuple(other for other in SHOWN if other != name)
        assert abs(a_refill(model, target, steps=1, shown=without).likelihoods(native)[0] - whole) > 1e-4
    turned = replace(
        structures[0], coordinates=structures[0].coordinates @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    )
    again = a_refill(model, target_of(turned, "", Wishes()), steps=1)
    assert again.likelihoods(native)[0] == pytest.approx(whole, abs=0.05), "areas are counted on points of spheres"


def test_recovery_and_its_chance(target):
    native = target.native
    assert recovery(target, native) == 1
    wrong = "".join("A" if x != "A" else "C" for x in native)
    assert recovery(target, wrong) == 0
    some = np.arange(len(native)) < 5
    assert recovery(target, native[:5] + wrong[5:], some) == 1
    rng = np.random.default_rng(0)
    drawn = [np.mean(rng.permutation(list(native)) == np.array(list(native))) for _ in range(4000)]
    assert by_composition(target) == pytest.approx(np.mean(drawn), abs=0.01)


def test_residues_without_a_backbone_keep_their_letters_and_are_not_shown(model, bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    target = target_of(structure, "A", Wishes())
    refill = a_refill(model, target)
    assert target.designed.sum() == 45 and len(target.native) == 70
    assert len(refill.question(target.kept).given.of("aa_seq")) == 0
    [letters] = refill.drawn("confidence", 1, 0)
    assert all(letters[i] == target.native[i] for i in np.flatnonzero(~target.designed))


@pytest.mark.parametrize(
    ("wishes", "chain", "says"),
    [
        ({}, "Z", "chain 'Z' is wanted"),
        ({"template": "XX"}, "A", "a template of 2 letters"),
        ({"fixed": "A"}, "A", "cannot be read"),
        ({"fixed": "1-500"}, "A", "nothing to design"),
    ],
)
def test_wishes_that_cannot_be_fulfilled_are_refused(structures, wishes, chain, says):
    with pytest.raises(FoundationError, match=says):
        target_of(structures[0], chain, Wishes(**wishes))


def test_letters_that_are_none_and_templates_against_fixed_residues_are_refused(structures):
    with pytest.raises(FoundationError, match="Give letters of"):
        Wishes(template="XXZ")
    with pytest.raises(FoundationError, match="leave some"):
        Wishes(omit=AMINO_ACIDS)
    native = structures[0].letters
    other = "W" if native[0] != "W" else "A"
    with pytest.raises(FoundationError, match="place 1 is fixed"):
        target_of(structures[0], "A", Wishes(template=other + "X" * (len(native) - 1), fixed="1"))


def test_the_verb_writes_ranked_designs_beside_the_native_sequence(exported, structures, tmp_path, capsys):
    write_structure(structures[1], tmp_path / "x.pdb")
    command = ["genes", "inverse-fold", str(exported), str(tmp_path / "x.pdb"), "--chain=A", "--n=3", "--steps=2"]
    assert main([*command, f"--out={tmp_path / 'o'}", "--ways=[confidence, shuffled]", "--wishes.fixed=2"]) == 0
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert set(results["ways"]) == {"confidence", "shuffled"} and results["shown"] == list(SHOWN)
    scores = [d["log_likelihood"] for d in results["designs"]["confidence"]]
    assert scores == sorted(scores, reverse=True) and results["native_log_likelihood"] < 0
    lines = (tmp_path / "o" / "designs.fasta").read_text().splitlines()
    assert len(lines) == 12 and lines[0].startswith(">") and f"{scores[0]:.4f}" in lines[0]
    assert lines[1][1] == structures[1].letters[1]
    assert sorted(lines[-1]) == sorted(structures[1].letters)
    assert "Recovery" in (tmp_path / "o" / "report.html").read_text()
    assert main([*command, f"--out={tmp_path / 'p'}", "--given=[phylop]"]) == 1
    assert "has no modality phylop" in capsys.readouterr().err


def test_a_model_that_was_not_trained_for_it_says_so(model, target):
    with pytest.raises(FoundationError, match="not trained to predict aa_seq from dssp"):
        Refill(model, frozenset({("sasa", "aa_seq")}), target, ("dssp",))
    alone = Refill(model, frozenset({("sasa", "aa_seq")}), target, ("sasa",), steps=4)
    assert designed(alone, "one-shot", 2, 0)[0].log_likelihood < 0
    with pytest.raises(FoundationError, match="not trained to predict aa_seq from aa_seq"):
        alone.drawn("random", 1, 0)


def test_the_surface_is_shown_to_models_that_know_it(structures, exported, tmp_path):
    write_structure(structures[0], tmp_path / "s.cif")
    knows = export(structures, tmp_path / "knows", (*SHOWN, *SURFACE), surface=True)
    shown = {}
    for name, model in (("plain", exported), ("knows", knows)):
        out = tmp_path / name / "out"
        assert main(["genes", "inverse-fold", str(model), str(tmp_path / "s.cif"), "--n=2", f"--out={out}"]) == 0
        shown[name] = json.loads((out / "results.json").read_text())["shown"]
    assert shown == {"plain": list(SHOWN), "knows": [*SHOWN, *SURFACE]}
    target = target_of(structures[0], "", Wishes(), surface=True)
    flipped = {**target.records, "masif_si_index": Track(-target.values("masif_si_index"))}
    trained = frozenset((name, "aa_seq") for name in SURFACE)
    refill = Refill(tracks_model(str(knows)), trained, target, SURFACE)
    other = replace(refill, target=replace(target, records=flipped))
    assert refill.likelihoods([target.native])[0] != pytest.approx(other.likelihoods([target.native])[0], abs=1e-6)
