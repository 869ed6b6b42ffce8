"""A slow reading of MIMIC (arXiv:2604.24506): one sample, dense masks for every head, tensors of the release by name.

Written from facts about layout and formulas; it shares no code with the package.
"""

import torch
import torch.nn.functional as F

ROTARY_BASE, ROTATED_SHARE = 10_000.0, 0.75


def norm(x, gamma):
    return F.layer_norm(x, x.shape[-1:], 1 + gamma, None, 1e-5)


def turned(x, places):
    """x [L, heads, dim]: the first three quarters of the components, in adjacent pairs, by place times frequency."""
    part = int(x.shape[-1] * ROTATED_SHARE)
    frequency = ROTARY_BASE ** (-torch.arange(0, part, 2, dtype=torch.float64) / part)
    angle = (places.double()[:, None] * frequency)[:, None]  # [L, 1, part / 2]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x[..., 0:part:2], x[..., 1:part:2]
    pairs = torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)
    return torch.cat([pairs, x[..., part:]], -1)


def heads_of(x, weight, heads):
    return F.linear(x, weight).unflatten(-1, (heads, -1))


def attend(w, name, x, memory, x_places, memory_places, seen, heads):
    """seen: bool [heads, L, M]."""
    q = turned(heads_of(x, w[f"{name}.to_q.weight"], heads), x_places)
    k = turned(heads_of(memory, w[f"{name}.to_k.weight"], heads), memory_places)
    v = heads_of(memory, w[f"{name}.to_v.weight"], heads)
    score = torch.einsum("qhd,khd->hqk", q, k) * q.shape[-1] ** -0.5
    weight = score.masked_fill(~seen, -torch.inf).softmax(-1)
    return F.linear(torch.einsum("hqk,khd->qhd", weight, v).flatten(1), w[f"{name}.to_out.weight"])


def feed_forward(w, name, x):
    return F.linear(
        F.silu(F.linear(x, w[f"{name}.0.0.weight"], w[f"{name}.0.0.bias"])), w[f"{name}.2.weight"], w[f"{name}.2.bias"]
    )


def directional(rows, heads, registers=0):
    """bool [heads, rows, rows]: a quarter of the heads looks back, a quarter ahead; registers are open both ways."""
    each = int(heads * 0.5 * 0.5)
    seen = torch.ones(heads, rows, rows, dtype=torch.bool)
    seen[:each], seen[each : 2 * each] = seen[0].tril(), seen[0].triu()
    seen[:, :registers], seen[:, :, :registers] = True, True
    return seen


def text_vectors(w, name, ids):
    x = F.embedding(ids, w[f"{name}.text_token_emb.0.weight"])
    x = F.linear(x, w[f"{name}.text_token_emb.1.weight"], w[f"{name}.text_token_emb.1.bias"])
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.text_token_emb.2.weight"], w[f"{name}.text_token_emb.2.bias"], 1e-5)


def encoder_rows(w, given, groups):
    """Sums of vectors, sums of modality vectors and places of the rows, registers first.

    given: modality -> (ids, places), only what is observed. groups: lists of modalities, in array order.
    """
    registers = w["register_tokens"][0]
    total, only, places = [registers], [torch.zeros_like(registers)], list(range(len(registers)))
    for group in groups:
        sums = {}
        for modality in group:
            ids, at = given.get(modality, ((), ()))
            name = f"encoder_embeddings.tok_{modality}"
            for i, place in zip(ids, at, strict=True):
                i = torch.tensor([i])
                text = f"{name}.text_token_emb.0.weight" in w
                value = text_vectors(w, name, i)[0] if text else w[f"{name}.token_emb.weight"][i[0]]
                vector = w[f"{name}.mod_emb"][0, 0]
                a, b = sums.get(place, (0, 0))
                sums[place] = (a + value, b + vector)
        for place in sorted(sums):
            total.append((sums[place][0] + sums[place][1])[None])
            only.append(sums[place][1][None])
            places.append(place)
    return torch.cat(total), torch.cat(only), torch.tensor(places)


def encode(w, given, groups, heads, depth):
    x, only, places = encoder_rows(w, given, groups)
    seen = directional(len(x), heads, len(w["register_tokens"][0]))
    for b in range(depth):
        stem = f"encoder.torso.layers.{2 * b}"
        y = norm(x, w[f"{stem}.0.0.gamma"])
        x = x + attend(w, f"{stem}.1", y, y, places, places, seen, heads)
        stem = f"encoder.torso.layers.{2 * b + 1}"
        x = x + feed_forward(w, f"{stem}.1.ff", norm(x, w[f"{stem}.0.0.gamma"]))
    return norm(x, w["encoder.torso.final_norm.gamma"]), only, places


def logits(w, given, groups, modality, asked, heads, depth, decoder_depth, text_ids=None):
    """Of one modality at the places `asked`; of text, at each of `text_ids` but the first, given those before."""
    memory, only, memory_places = encode(w, given, groups, heads, depth)
    memory = F.linear(memory + only, w["decoder_proj_context.weight"], w["decoder_proj_context.bias"])
    name = f"decoder_embeddings.tok_{modality}"
    if text_ids is None:
        x = w["mask_token"][0, 0].expand(len(asked), -1) + w[f"{name}.mod_emb"][0, 0]
    else:
        x, asked = text_vectors(w, name, text_ids[:-1]) + w[f"{name}.mod_emb"][0, 0], asked[:-1]
    places = torch.as_tensor(asked)
    seen = directional(len(x), heads)
    if text_ids is not None:
        seen &= torch.ones(len(x), len(x), dtype=torch.bool).tril()
    everything = torch.ones(heads, len(x), len(memory), dtype=torch.bool)
    for b in range(decoder_depth):
        stems = [f"decoder.torso.layers.{3 * b + i}" for i in range(3)]
        y = norm(x, w[f"{stems[0]}.0.0.gamma"])
        x = x + attend(w, f"{stems[0]}.1", y, y, places, places, seen, heads)
        y = norm(x, w[f"{stems[1]}.0.0.gamma"])
        x = x + attend(w, f"{stems[1]}.1", y, memory, places, memory_places, everything, heads)
        x = x + feed_forward(w, f"{stems[2]}.1.ff", norm(x, w[f"{stems[2]}.0.0.gamma"]))
    return F.linear(norm(x, w["decoder.torso.final_norm.gamma"]), w[f"{name}.to_logits.weight"])
