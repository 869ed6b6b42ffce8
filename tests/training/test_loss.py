"""The loss against row-by-row formulas, and the same gradient for any number of processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.model.heads import SpaceHeads
from foundation.tokens import Space, Tokens, concatenate
from foundation.training.loss import Tally, balanced, over_ranks, space_weights, tally

SPACES = (Space("code", "discrete", 5), Space("vector", "continuous", 3), Space("absent", "discrete", 4))


@pytest.fixture
def asked():
    """A batch of one document that asks for three codes and two vectors, heads, and states with a gradient."""
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(2, 3, generator=generator)
    parts = [Tokens.of_space(SPACES[0], torch.tensor([4, 0, 2])), Tokens.of_space(SPACES[1], vectors)]
    batch = pack([(concatenate(parts), torch.tensor([1, 1, 2, 1, 2]))], SPACES)
    heads = SpaceHeads(SPACES, 6).double()
    for table in heads.parameters():
        torch.nn.init.normal_(table, generator=generator)
    return batch, heads, torch.randn(len(batch), 6, generator=generator, dtype=torch.float64, requires_grad=True)


def slow_losses(batch, heads, states):
    """Loss of every target by its formula, one at a time, in numpy."""
    losses = {"code": [], "vector": []}
    for row in batch.query_rows.tolist():
        name = SPACES[batch.space[row]].name
        out = heads.table(name).detach().numpy() @ states[row].detach().numpy()
        if name == "code":
            losses[name].append(np.log(np.exp(out).sum()) - out[batch.ids[row]])
        else:
            value = batch.vectors[name][batch.ids[row]].numpy()
            losses[name].append(-norm.logpdf(value, out[:3], np.exp(out[3:])).mean())
    return losses


def test_tally_equals_formulas(asked):
    batch, heads, states = asked
    slow, found = slow_losses(*asked), tally(heads, states, batch)
    assert found.counts.tolist() == [3, 2, 0]
    assert found.sums.tolist() == pytest.approx([sum(slow["code"]), sum(slow["vector"]), 0.0], abs=1e-12)
    assert found.mean[:2].tolist() == pytest.approx([np.mean(slow["code"]), np.mean(slow["vector"])])


def test_balance_of_spaces_and_of_tokens(asked):
    batch, heads, states = asked
    slow, found = slow_losses(*asked), tally(heads, states, batch)
    sums = found.sums.detach()
    weight = space_weights(SPACES, {"code": 3.0})
    by_space = (3 * np.mean(slow["code"]) + np.mean(slow["vector"])) / 4  # "absent" does not count
    by_token = (3 * sum(slow["code"]) + sum(slow["vector"])) / (3 * 3 + 2)
    assert float(balanced(sums, found.counts, weight, "space")) == pytest.approx(by_space)
    assert float(balanced(sums, found.counts, weight, "token")) == pytest.approx(by_token)


@pytest.mark.parametrize("balance", ["space", "token"])
def test_gradient_reaches_states_and_heads(asked, balance):
    batch, heads, states = asked
    found = tally(heads, states, batch)
    balanced(found.sums, found.counts, space_weights(SPACES, {}), balance).backward()
    rows = [r for r in batch.query_rows.tolist() if batch.space[r] == 0]
    table, asking = heads.table("code").detach(), states[rows].detach()
    target = torch.nn.functional.one_hot(batch.ids[rows], 5)
    share = {"space": 1 / 2 / 3, "token": 1 / 5}[balance]  # of one code in the mean
    slope = share * ((asking @ table.T).softmax(-1) - target)
    torch.testing.assert_close(states.grad[rows], slope @ table)
    torch.testing.assert_close(heads.table("code").grad, slope.T @ asking)


@pytest.mark.parametrize("space", SPACES[:2])
def test_loss_of_a_head_is_that_of_its_distribution(asked, space):
    _, heads, states = asked
    value = torch.arange(len(states)) % 5 if space.discrete else torch.ones(len(states), 3)
    each = -heads(space.name, states).log_prob(value)
    torch.testing.assert_close(heads.loss(space.name, states, value), each.sum() / (1 if space.discrete else 3))


def test_batch_without_targets_has_no_loss():
    nothing = Tally(torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    for balance in ("space", "token"):
        assert float(balanced(nothing.sums, nothing.counts, torch.ones(3), balance)) == 0


def test_one_process_is_the_global_batch():
    sums = torch.tensor([1.5, 2.0], dtype=torch.float64, requires_grad=True)
    local = Tally(sums, torch.tensor([3.0, 1.0], dtype=torch.float64))
    whole = over_ranks(local)
    assert whole.sums.tolist() == [1.5, 2.0]
    assert not whole.sums.requires_grad


@pytest.mark.parametrize("weight", [{"spectrum": 1.0}, {"code": -1.0}])
def test_bad_weights_are_named(weight):
    with pytest.raises(FoundationError, match=next(iter(weight))):
        space_weights(SPACES, weight)


def gradients(tmp_path, world):
    """Gradients of a global batch dealt out to `world` processes; every rank must hold the same."""
    script = Path(__file__).with_name("deal_out.py")
    processes = [
        subprocess.Popen([sys.executable, script, str(tmp_path), str(rank), str(world)]) for rank in range(world)
    ]
    assert [p.wait(timeout=120) for p in processes] == [0] * world
    found = [np.load(tmp_path / f"{rank}-of-{world}.npz") for rank in range(world)]
    for other in found[1:]:
        assert all((other[name] == found[0][name]).all() for name in other.files)
    return found[0]


def test_two_processes_give_the_gradient_of_one(tmp_path):
    one, two = gradients(tmp_path, 1), gradients(tmp_path, 2)
    assert set(one.files) == set(two.files)
    for name in one.files:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9, atol=1e-13, err_msg=name)
    assert max(np.abs(one[name]).max() for name in one.files) > 1e-3
