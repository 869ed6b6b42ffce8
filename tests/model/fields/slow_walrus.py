"""Walrus as published, read from the facts alone: released tensor names, ordinary PyTorch, no part of the package.

Shapes follow the paper: [T, B, C, H, W, D] with time first. Nothing is random: shifts and rolls are arguments.
"""

import math

import torch
import torch.nn.functional as F

WALL, OPEN, PERIODIC = 0, 1, 2
KERNELS = (8, 4)
CLOSED_FLAG, OPEN_FLAG, BIAS_FLAG = 0, 1, 2  # columns of the field table


def slow_walrus(
    weights, x, fields, boundary, strides, shifts=(0, 0, 0), rolls=None, jitter=True, epsilon=1e-5, scales=None
):
    """Normalised increments [T, B, C, H, W, D] of raw values; fields are column numbers, strides (s1, s2) per axis."""
    key = str(sum(n > 1 for n in x.shape[3:]))
    key = key if f"embed.{key}.proj1.weight" in weights else "2"
    scale, _ = slow_scales(x, epsilon) if scales is None else scales
    live = [n > 1 for n in x.shape[3:]]
    periodic = [int(boundary[a][0]) == PERIODIC for a in range(3)]
    padded, crops = pad_and_flag(x / scale, boundary, strides, live, jitter)
    moved = [a for a in range(3) if live[a] and strides[a][0] * strides[a][1] > 1]
    for a in moved:
        padded = torch.roll(padded, shifts[a], dims=3 + a)
    for a in range(3):
        if periodic[a] and live[a]:
            padded = wrap(padded, 3 + a, base_padding(strides[a]), far_wrap(x.shape[3 + a], strides[a]))
    padded = padded * weights.get("encoder_dummy", 1)
    tokens = encode(weights, key, padded, fields, strides, live)
    if "ape" in weights:
        tokens = tokens + weights["ape"]
    tokens = process(weights, tokens, rolls, [p and one for p, one in zip(periodic, live, strict=True)])
    out = decode(weights, key, tokens, fields, strides, live, periodic)
    for a in range(3):
        if periodic[a] and live[a]:
            p = base_padding(strides[a])
            out = out.narrow(3 + a, p, x.shape[3 + a])
    for a in moved:
        out = torch.roll(out, -shifts[a], dims=3 + a)
    for a in range(3):
        out = out.narrow(3 + a, crops[a], x.shape[3 + a])
    return out


def slow_scales(x, epsilon=1e-5):
    """RMS of the values and of their increments, per sample and channel."""
    value = x.pow(2).mean((0, 3, 4, 5), keepdim=True).sqrt().clamp(min=epsilon)
    step = (x[1:] - x[:-1]).pow(2).mean((0, 3, 4, 5), keepdim=True).sqrt().clamp(min=epsilon)
    return value, step


def base_padding(stride):
    s1, s2 = stride
    return ((KERNELS[0] + 3 * s1) - s1 * s2) // 2


def far_wrap(length, stride):
    """The same as at the near side wherever the published lengths go; else what makes the last token whole."""
    s1, s2 = stride
    tokens = math.ceil(length / (s1 * s2))
    return (tokens - 1) * s1 * s2 + KERNELS[0] + 3 * s1 - length - base_padding(stride)


def pad_and_flag(x, boundary, strides, live, jitter):
    """Zeros around walls and open sides, and three flag channels after the fields."""
    pads = []
    for a in range(3):
        if not live[a] or int(boundary[a][0]) == PERIODIC:
            pads.append((0, 0))
            continue
        s1, s2 = strides[a]
        left = right = base_padding(strides[a]) + (s1 * s2 // 2 if jitter else 0)
        while x.shape[3 + a] + left + right < KERNELS[0] + 3 * s1:
            right += 1  # beyond the published lengths: room for a whole last token
        while (x.shape[3 + a] + left + right - KERNELS[0] - 3 * s1) % (s1 * s2):
            right += 1
        pads.append((left, right))
    padded = F.pad(x, [n for a in (2, 1, 0) for n in pads[a]])
    inside = torch.ones_like(padded[:, :, :1])
    flags = {WALL: torch.zeros_like(inside), OPEN: torch.zeros_like(inside)}
    for a in range(3):
        left, right = pads[a]
        length = padded.shape[3 + a]
        for side, start, count in ((0, 0, left), (1, length - right, right)):
            if count:
                flags[int(boundary[a][side])].narrow(3 + a, start, count).add_(1)
                inside.narrow(3 + a, start, count).zero_()
    return torch.cat([padded, inside, flags[WALL], flags[OPEN]], 2), [left for left, _ in pads]


def wrap(x, dim, left, right):
    """Circular padding of any width."""
    n = x.shape[dim]
    return x.index_select(dim, torch.arange(-left, n + right) % n)


def instance_norm(x, weight):
    """[N, C, H, W, D]: each channel by its RMS over space."""
    rms = (x.pow(2).mean((2, 3, 4), keepdim=True) + torch.finfo(x.dtype).eps).sqrt()
    return x / rms * weight.view(1, -1, 1, 1, 1)


def encode(weights, key, x, fields, strides, live):
    frames, batch = x.shape[:2]
    kernel = weights[f"embed.{key}.proj1.weight"]
    columns = [*fields, BIAS_FLAG, CLOSED_FLAG, OPEN_FLAG]
    gain = torch.ones(len(columns), dtype=x.dtype)
    gain[:-2] = math.sqrt((kernel.shape[1] - 3) / (len(columns) - 3))
    kernel = kernel[:, columns] * gain.view(1, -1, 1, 1, 1)
    x = x.flatten(0, 1)
    for layer in (1, 2):
        kernel = kernel if layer == 1 else weights[f"embed.{key}.proj2.weight"]
        for a in range(3):
            kernel = kernel if live[a] else kernel.sum(2 + a, keepdim=True)
        x = F.conv3d(x, kernel, stride=[strides[a][layer - 1] if live[a] else 1 for a in range(3)])
        x = F.silu(instance_norm(x, weights[f"embed.{key}.norm{layer}.weight"]))
    return x.unflatten(0, (frames, batch))


def decode(weights, key, x, fields, strides, live, periodic):
    frames, batch = x.shape[:2]
    x = x.flatten(0, 1)
    for layer in (1, 2):
        kernel, bias = weights[f"debed.{key}.proj{layer}.weight"], None
        if layer == 2:
            kernel, bias = kernel[:, list(fields)], weights[f"debed.{key}.proj2.bias"][list(fields)]
        for a in range(3):
            kernel = kernel if live[a] else kernel.mean(2 + a, keepdim=True)
        stride = [strides[a][2 - layer] if live[a] else 1 for a in range(3)]
        extra = [
            math.ceil((kernel.shape[2 + a] - stride[a]) / stride[a]) if live[a] and periodic[a] else 0 for a in range(3)
        ]
        for a in range(3):
            x = wrap(x, 2 + a, extra[a], extra[a])
        x = F.conv_transpose3d(x, kernel, bias, stride=stride)
        for a in range(3):
            x = x.narrow(2 + a, extra[a] * stride[a], x.shape[2 + a] - 2 * extra[a] * stride[a])
        if layer == 1:
            x = F.silu(instance_norm(x, weights[f"debed.{key}.norm1.weight"]))
    return x.unflatten(0, (frames, batch))


def process(weights, x, rolls, rolled):
    """The blocks on [T, B, C, h, w, d]; rolls [blocks][3] shift the token grid before each."""
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    total = [0, 0, 0]
    for i in range(blocks):
        for a in range(3):
            if rolls is not None and rolled[a]:
                x = torch.roll(x, int(rolls[i][a]), dims=3 + a)
                total[a] += int(rolls[i][a])
        own = {k.removeprefix(f"blocks.{i}."): w for k, w in weights.items() if k.startswith(f"blocks.{i}.")}
        x = time_mixing(own, x)
        x = space_mixing(own, x)
    for a in range(3):
        x = torch.roll(x, -total[a], dims=3 + a)
    return x


def time_mixing(weights, x):
    frames, batch, width, h, w, d = x.shape
    table = weights["time_mixing.rel_pos_bias.relative_attention_bias.weight"]
    heads = table.shape[1]
    y = instance_norm(x.flatten(0, 1), weights["time_mixing.norm1.weight"])
    y = F.conv3d(y, weights["time_mixing.input_head.weight"], weights["time_mixing.input_head.bias"])
    y = y.view(frames, batch, heads, 3, width // heads, h, w, d)
    q, k, v = y.permute(3, 1, 5, 6, 7, 2, 0, 4)  # [B, h, w, d, heads, T, dim]
    q = layer_norm(q, weights, "time_mixing.qnorm")
    k = layer_norm(k, weights, "time_mixing.knorm")
    bias = torch.full((heads, frames, frames), -math.inf, dtype=x.dtype)
    rows = []
    for i in range(frames):
        entries = [table[t5_bucket(i - j)] if j <= i else bias[:, i, j] for j in range(frames)]
        rows.append(torch.stack(entries, -1))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=torch.stack(rows, 1))  # [heads, T, T]
    y = y.permute(5, 0, 4, 6, 1, 2, 3).reshape(frames * batch, width, h, w, d)
    y = F.conv3d(y, weights["time_mixing.output_head.weight"], weights["time_mixing.output_head.bias"])
    return x + y.unflatten(0, (frames, batch))


def t5_bucket(distance, buckets=32, most=32):
    """Unidirectional: exact up to half the buckets, then logarithmic."""
    exact = buckets // 2
    if distance < exact:
        return distance
    large = exact + int(math.log(distance / exact) / math.log(most / exact) * (buckets - exact))
    return min(large, buckets - 1)


def space_mixing(weights, x):
    frames, batch, width, h, w, d = x.shape
    hidden = weights["space_mixing.ff_out.weight"].shape[1]
    dim = weights["space_mixing.q_norm.weight"].shape[0]
    y = instance_norm(x.flatten(0, 1), weights["space_mixing.norm1.weight"])
    y = y.permute(0, 2, 3, 4, 1)
    y = F.linear(y, weights["space_mixing.fused_ff_qkv.weight"], weights["space_mixing.fused_ff_qkv.bias"])
    value, gate, q, k, v = y.split([hidden, hidden, width, width, width], -1)
    q, k, v = (z.unflatten(-1, (width // dim, dim)) for z in (q, k, v))  # [N, h, w, d, heads, dim]
    q = layer_norm(q, weights, "space_mixing.q_norm")
    k = layer_norm(k, weights, "space_mixing.k_norm")
    angle = angles(weights, (h, w, d), x.dtype)
    q, k, v = (z.flatten(1, 3).transpose(1, 2) for z in (rotate(q, angle), rotate(k, angle), v))
    y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, h, w, d, width)
    y = F.linear(y, weights["space_mixing.attn_out.weight"])
    mlp = F.linear(value * F.silu(gate), weights["space_mixing.ff_out.weight"], weights["space_mixing.ff_out.bias"])
    return x + (y + mlp).permute(0, 4, 1, 2, 3).unflatten(0, (frames, batch))


def layer_norm(x, weights, name):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)


def angles(weights, grid, dtype):
    """[h, w, d, 3 * frequencies], axis by axis."""
    name = "space_mixing.rotary_emb.freqs"
    parts = []
    for a in range(3):
        frequency = weights[name if name in weights else f"{name}.{a}"].to(dtype)
        at = torch.linspace(-1, 1, grid[a], dtype=dtype)
        shape = [1, 1, 1, -1]
        shape[a] = grid[a]
        parts.append((at[:, None] * frequency).view(shape).expand(*grid, -1))
    return torch.cat(parts, -1)


def rotate(x, angle):
    """Consecutive pairs of the leading components of [N, h, w, d, heads, dim]; the rest stays."""
    turned = 2 * angle.shape[-1]
    even, odd = x[..., :turned:2], x[..., 1:turned:2]
    cos, sin = angle.cos().unsqueeze(-2), angle.sin().unsqueeze(-2)
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)
    return torch.cat([pairs, x[..., turned:]], -1)
