"""A plain reading of AION-1 over whole batches, padded to budgets and masked as its release does it, for comparison."""

import torch
import torch.nn.functional as F


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)


def attend(w, name, q, k, v, heads, hidden):
    """`hidden` [B, queries or 1, keys]: scores there are the most negative number."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))  # [B, heads, n, dim]
    q, k = norm(w, f"{name}.q_norm", q), norm(w, f"{name}.k_norm", k)
    score = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
    score = score.masked_fill(hidden[:, None], torch.finfo(score.dtype).min)
    return F.linear((score.softmax(-1) @ v).transpose(1, 2).flatten(2), w[f"{name}.proj.weight"])


def mlp(w, name, x):
    gate = F.silu(F.linear(x, w[f"{name}.fc1.weight"]))
    return F.linear(gate * F.linear(x, w[f"{name}.fc3.weight"]), w[f"{name}.fc2.weight"])


def blocks(w, stack):
    return range(1 + max(int(n.split(".")[1]) for n in w if n.startswith(f"{stack}.")))


def gathered(x, index):
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))


def context_of(w, arrays, hidden, budget, heads):
    """What the decoder sees of the first `budget` tokens that are not hidden, and which of these are padding."""
    parts = [("encoder_embeddings", k) for k in arrays]
    place = torch.cat([w[f"{s}.{k}.pos_emb"] + w[f"{s}.{k}.mod_emb"] for s, k in parts], 1)
    value = torch.cat([w[f"encoder_embeddings.{k}.token_emb.weight"][c] for k, c in arrays.items()], 1)
    absent = torch.cat([hidden[k] for k in arrays], 1)
    order = torch.argsort(absent.int(), dim=1, stable=True)[:, :budget]
    absent = absent.gather(1, order)
    place, value = gathered(place.expand(len(order), -1, -1), order), gathered(value, order)
    place, value = (x.masked_fill(absent[..., None], 0.0) for x in (place, value))
    x, unseen = place + value, absent[:, None]
    for i in blocks(w, "encoder"):
        q, k, v = F.linear(norm(w, f"encoder.{i}.norm1", x), w[f"encoder.{i}.attn.qkv.weight"]).chunk(3, -1)
        x = x + attend(w, f"encoder.{i}.attn", q, k, v, heads, unseen)
        x = x + mlp(w, f"encoder.{i}.mlp", norm(w, f"encoder.{i}.norm2", x))
    states = norm(w, "encoder_norm", x)
    return F.linear(states, w["decoder_proj_context.weight"], w["decoder_proj_context.bias"]) + place, unseen


def decoded(w, y, hidden, context, unseen, heads):
    for i in blocks(w, "decoder"):
        name = f"decoder.{i}"
        q, k, v = F.linear(norm(w, f"{name}.norm1", y), w[f"{name}.self_attn.qkv.weight"]).chunk(3, -1)
        y = y + attend(w, f"{name}.self_attn", q, k, v, heads, hidden)
        k, v = F.linear(norm(w, f"{name}.context_norm", context), w[f"{name}.cross_attn.kv.weight"]).chunk(2, -1)
        q = F.linear(norm(w, f"{name}.query_norm", y), w[f"{name}.cross_attn.q.weight"])
        y = y + attend(w, f"{name}.cross_attn", q, k, v, heads, unseen)
        y = y + mlp(w, f"{name}.mlp", norm(w, f"{name}.norm2", y))
    return norm(w, "decoder_norm", y)


def queries(w, names):
    """Mask embeddings at all places of these keys, [1, n, D], and the number of the key of each."""
    places = [w[f"decoder_embeddings.{k}.pos_emb"] + w[f"decoder_embeddings.{k}.mod_emb"] for k in names]
    key = torch.repeat_interleave(torch.arange(len(places)), torch.tensor([p.shape[1] for p in places]))
    return w["mask_token"] + torch.cat(places, 1), key


def training_loss(w, arrays, hidden, unasked, budgets, heads):
    """Mean over keys of the mean cross-entropy of what is asked, with both budgets filled up."""
    context, unseen = context_of(w, arrays, hidden, budgets[0], heads)
    place, key = queries(w, list(arrays))
    absent, codes = (torch.cat([part[k] for k in arrays], 1) for part in (unasked, arrays))
    order = torch.argsort(absent.int(), dim=1, stable=True)[:, : budgets[1]]
    absent, codes, key = absent.gather(1, order), codes.gather(1, order), key[order]
    y = gathered(place.expand(len(order), -1, -1), order).masked_fill(absent[..., None], 0.0)
    other = absent[:, None] | (key[:, :, None] != key[:, None])
    y = decoded(w, y, other, context, unseen, heads)
    losses = []
    for number, name in enumerate(arrays):
        mine = (key == number) & ~absent
        if mine.any():
            losses.append(
                F.cross_entropy(F.linear(y[mine], w[f"decoder_embeddings.{name}.to_logits.weight"]), codes[mine])
            )
    return sum(losses) / len(arrays)


def roar(w, arrays, name, steps, heads):
    """Codes of a key in random order, everything encoded again at each step."""
    place, key = queries(w, [name])
    objects, count = len(next(iter(arrays.values()))), len(key)
    fed = {**arrays, name: torch.zeros(objects, count, dtype=torch.long)}
    hidden = {k: torch.zeros_like(c, dtype=torch.bool) for k, c in arrays.items()}
    hidden[name] = torch.ones(objects, count, dtype=torch.bool)
    for now in torch.randperm(count).tensor_split(steps):
        context, unseen = context_of(w, fed, hidden, sum(c.shape[1] for c in fed.values()), heads)
        y = place[:, now].expand(objects, -1, -1)
        y = decoded(w, y, torch.zeros(objects, 1, len(now), dtype=torch.bool), context, unseen, heads)
        p = F.linear(y, w[f"decoder_embeddings.{name}.to_logits.weight"]).softmax(-1)
        fed[name][:, now] = torch.multinomial(p.flatten(0, 1), 1).view(objects, -1)
        hidden[name][:, now] = False
    return fed[name]
