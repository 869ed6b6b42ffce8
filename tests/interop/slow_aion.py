"""A slow reading of AION-1 from its published description: one object, dense attention, the released tensors."""

import torch
import torch.nn.functional as F


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)


def attend(w, name, q, k, v, heads, visible=None):
    """`visible` [queries, keys], or None for all; where a row sees nothing, softmax is uniform over everything."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(0, 1) for x in (q, k, v))  # [heads, n, dim]
    q, k = norm(w, f"{name}.q_norm", q), norm(w, f"{name}.k_norm", k)
    score = q @ k.transpose(1, 2) * q.shape[-1] ** -0.5
    if visible is not None:
        score = score.masked_fill(~visible, torch.finfo(score.dtype).min)
    return F.linear((score.softmax(-1) @ v).transpose(0, 1).flatten(1), w[f"{name}.proj.weight"])


def self_attention(w, name, x, heads, visible=None):
    return attend(w, name, *F.linear(x, w[f"{name}.qkv.weight"]).chunk(3, -1), heads, visible)


def cross_attention(w, name, x, context, heads):
    k, v = F.linear(context, w[f"{name}.kv.weight"]).chunk(2, -1)
    return attend(w, name, F.linear(x, w[f"{name}.q.weight"]), k, v, heads)


def mlp(w, name, x):
    gate = F.silu(F.linear(x, w[f"{name}.fc1.weight"]))
    return F.linear(gate * F.linear(x, w[f"{name}.fc3.weight"]), w[f"{name}.fc2.weight"])


def blocks(w, stack):
    return range(1 + max(int(n.split(".")[1]) for n in w if n.startswith(f"{stack}.")))


def place(w, stack, key, places):
    return w[f"{stack}.{key}.pos_emb"][0, places] + w[f"{stack}.{key}.mod_emb"][0]


def encode(w, given, heads):
    """States after the final norm, and the context of the decoder; `given`: key -> (places, codes)."""
    where = torch.cat([place(w, "encoder_embeddings", k, p) for k, (p, _) in given.items()])
    x = where + torch.cat([w[f"encoder_embeddings.{k}.token_emb.weight"][c] for k, (_, c) in given.items()])
    for i in blocks(w, "encoder"):
        x = x + self_attention(w, f"encoder.{i}.attn", norm(w, f"encoder.{i}.norm1", x), heads)
        x = x + mlp(w, f"encoder.{i}.mlp", norm(w, f"encoder.{i}.norm2", x))
    states = norm(w, "encoder_norm", x)
    return states, F.linear(states, w["decoder_proj_context.weight"], w["decoder_proj_context.bias"]) + where


def predict(w, given, asked, heads, released_behaviour):
    """Logits of each asked key; `asked`: key -> places."""
    _, context = encode(w, given, heads)
    x = w["mask_token"][0] + torch.cat([place(w, "decoder_embeddings", k, p) for k, p in asked.items()])
    counts = [len(p) for p in asked.values()]
    key = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    visible = key[:, None] == key[None, :]
    if released_behaviour:
        visible = torch.zeros_like(visible)
    for i in blocks(w, "decoder"):
        name = f"decoder.{i}"
        x = x + self_attention(w, f"{name}.self_attn", norm(w, f"{name}.norm1", x), heads, visible)
        seen = norm(w, f"{name}.context_norm", context)
        x = x + cross_attention(w, f"{name}.cross_attn", norm(w, f"{name}.query_norm", x), seen, heads)
        x = x + mlp(w, f"{name}.mlp", norm(w, f"{name}.norm2", x))
    parts = norm(w, "decoder_norm", x).split(counts)
    return {k: F.linear(y, w[f"decoder_embeddings.{k}.to_logits.weight"]) for k, y in zip(asked, parts, strict=True)}
