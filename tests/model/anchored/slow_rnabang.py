"""A slow reading of RNA-BAnG from its published description: dense masks, explicit differences, the released tensors.

One protein and one sequence, or a batch of equal lengths (axes first), in the released arrangement
<eos> x_0 ... x_c <cntl> <cntr> x_(c+1) ... <eos>.
"""

import math

import torch
import torch.nn.functional as F

HEADS, DIM, POINTS, VALUE_POINTS = 12, 64, 4, 8
EOS, CNTL, CNTR = 4, 5, 6


def rms(x, scale):
    return x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-8) * scale


def rotary(x, index):
    """Adjacent pairs of [T, heads, 64] by index * 1000^(-2 i / 64)."""
    frequency = 1000.0 ** (-torch.arange(0, DIM, 2, dtype=torch.float64) / DIM)
    angle = (index.double()[..., None] * frequency)[..., None, :]  # [..., T, 1, 32]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)


def heads_of(w, name, x, memory):
    q = F.linear(x, w[f"{name}.linear_q.weight"]).unflatten(-1, (HEADS, DIM))
    kv = F.linear(memory, w[f"{name}.linear_kv.weight"]).unflatten(-1, (HEADS, 2 * DIM))
    k, v = kv[..., :DIM], kv[..., DIM:]
    return rms(q, w[f"{name}.norm_q.scale"]), rms(k, w[f"{name}.norm_k.scale"]), v


def attend(w, name, q, k, v, mask=None):
    score = torch.einsum("...qhd,...khd->...hqk", q, k) * math.sqrt(1 / (3 * DIM))
    if mask is not None:
        score = score + 1e5 * (mask.to(score.dtype) - 1)
    out = torch.einsum("...hqk,...khd->...qhd", score.softmax(-1), v).flatten(-2)
    return F.linear(out, w[f"{name}.linear_out.weight"], w[f"{name}.linear_out.bias"])


def self_attention(w, name, x, index, mask=None):
    q, k, v = heads_of(w, name, x, x)
    return attend(w, name, rotary(q, index), rotary(k, index), v, mask)


def geometric(w, name, x, rotation, translation):
    """Point attention with the tensor of all differences [R, R, heads, points, 3]."""

    def placed(flat):
        local = torch.stack(flat.chunk(3, -1), -1)  # [..., R, heads * points, 3]
        return torch.einsum("...rij,...rpj->...rpi", rotation, local) + translation[..., None, :]

    q = placed(F.linear(x, w[f"{name}.linear_q_points.weight"])).unflatten(-2, (HEADS, POINTS))
    both = placed(F.linear(x, w[f"{name}.linear_kv_points.weight"])).unflatten(-2, (HEADS, POINTS + VALUE_POINTS))
    k, v = both[..., :POINTS, :], both[..., POINTS:, :]
    square = (q[..., :, None, :, :, :] - k[..., None, :, :, :, :]).square().sum((-1, -2))  # [..., R, R, heads]
    factor = F.softplus(w[f"{name}.head_weights"]) * math.sqrt(1 / (3 * (POINTS * 9 / 2)))
    weight = (-0.5 * factor * square).softmax(-2)
    out = torch.einsum("...qkh,...khpi->...qhpi", weight, v)
    local = torch.einsum("...rji,...rhpj->...rhpi", rotation, out - translation[..., None, None, :])
    length = (local.square().sum(-1) + 1e-8).sqrt()
    features = torch.cat([*(local[..., i].flatten(-2) for i in range(3)), length.flatten(-2)], -1)
    return F.linear(features, w[f"{name}.linear_out.weight"], w[f"{name}.linear_out.bias"])


def feed_forward(w, name, x):
    hidden = F.gelu(F.linear(x, w[f"{name}.0.weight"], w[f"{name}.0.bias"]))
    return F.linear(hidden, w[f"{name}.2.weight"], w[f"{name}.2.bias"])


def sine_code(w, name, distance):
    frequency = math.pi / 512 ** (2 * torch.arange(64, dtype=torch.float64) / 128)
    angle = distance.double()[:, None] * frequency
    code = torch.cat([angle.sin(), angle.cos()], -1).to(w[f"{name}.proj.weight"].dtype)
    return rms(F.linear(code, w[f"{name}.proj.weight"]), w[f"{name}.norm.scale"])


def protein_states(w, residues, rotation, translation, index, depth=10):
    table = "embedding_layer.residue_embedder_aa"
    x = rms(w[f"{table}.0.weight"][residues], w[f"{table}.1.scale"])
    for i in range(depth):
        block = f"main_model.trunk.encoder_aa_{i}"
        x = rms(x + self_attention(w, f"{block}.self_mha", x, index), w[f"{block}.layer_norm_1.scale"])
        x = rms(x + geometric(w, f"{block}.geom_mha", x, rotation, translation), w[f"{block}.layer_norm_2.scale"])
        x = rms(x + feed_forward(w, f"{block}.feed_forward", x), w[f"{block}.layer_norm_3.scale"])
    return x


def visible(size, ct):
    """Query i > ct sees 2 ct - i + 2 to i, query i <= ct sees i to 2 ct - i + 2."""
    i, j = torch.arange(size)[:, None], torch.arange(size)[None, :]
    return torch.where(i > ct, (2 * ct - i + 2 <= j) & (j <= i), (i <= j) & (j <= 2 * ct - i + 2))


def symbol_logits(w, states, symbols, rna, depth=10):
    """Logits [..., n + 4, 5] of the symbols in the released arrangement; a batch has its anchors at one place."""
    symbols = torch.tensor(symbols)
    ct, size = int((symbols == CNTL).nonzero()[0, -1]), symbols.shape[-1]
    index = torch.tensor([*range(ct), ct - 1, ct, *range(ct, size - 2)])  # markers have their neighbours'
    kind = w["embedding_layer.type_embedder_na.weight"][int(rna)].expand(*symbols.shape, -1)
    x = torch.cat([w["embedding_layer.residue_embedder_na.weight"][symbols], kind], -1)
    x, mask = rms(x, w["embedding_layer.layer_norm.scale"]), visible(size, ct)
    for i in range(depth):
        block = f"main_model.trunk.encoder_na_{i}"
        x = rms(x + self_attention(w, f"{block}.self_mha", x, index, mask), w[f"{block}.layer_norm_1.scale"])
        asked = x + sine_code(w, f"{block}.mha.sin_embed", index - index[ct])
        q, k, v = heads_of(w, f"{block}.mha", asked, states)
        x = rms(x + attend(w, f"{block}.mha", q, k, v), w[f"{block}.layer_norm_2.scale"])
        x = rms(x + feed_forward(w, f"{block}.feed_forward", x), w[f"{block}.layer_norm_3.scale"])
    return F.linear(x, w["main_model.log_head.weight"], w["main_model.log_head.bias"])


def arranged(letters, contact):
    """<eos> x_0 ... x_c <cntl> <cntr> x_(c+1) ... <eos>."""
    return [EOS, *letters[: contact + 1], CNTL, CNTR, *letters[contact + 1 :], EOS]


def draw_symbol_by_symbol(w, states, letters, generator=None):
    """A sequence as the released code draws it: right, left, right, ..., one whole pass for every symbol."""
    left, right = [], []
    while len(left) + len(right) < letters:
        symbols = [*left[::-1], CNTL, CNTR, *right]
        on_right = len(right) <= len(left)
        logits = symbol_logits(w, states, symbols, True)[-1 if on_right else 0]
        probability = logits[:EOS].softmax(-1)
        (right if on_right else left).append(int(torch.multinomial(probability, 1, generator=generator)))
    return left[::-1] + right


def training_loss(w, proteins, letters, contact):
    """Mean nats a symbol of a batch; `proteins` are arguments of `protein_states`, stacked as are the letters."""
    logits = symbol_logits(w, protein_states(w, *proteins), [arranged(x, contact) for x in letters], True)
    targets = torch.tensor([[EOS, *x, EOS] for x in letters])
    return F.cross_entropy(logits[:, 1:-1].flatten(0, 1), targets.flatten())
