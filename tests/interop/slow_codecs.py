"""A slow reading of AION-1's codecs from their published description, on the released tensors; one object each."""

import math

import numpy as np
import torch
import torch.nn.functional as F

CLIP = (80, 110, 200, 330, 500, 6, 15, 20, 25)  # of HSC g r i z y, then DES g r i z
HSC_UNIT = 10 ** ((27 - 22.5) / 2.5)


def conv(w, name, x, stride=1):
    weight = w[f"{name}.weight"]
    function, padding = (F.conv2d, weight.shape[-1] // 2) if weight.dim() == 4 else (F.conv1d, 0)
    return function(x, weight, w[f"{name}.bias"], stride=stride, padding=padding)


def channel_norm(w, name, x, eps=1e-5):
    moved = F.layer_norm(x.movedim(1, -1), (x.shape[1],), w[f"{name}.weight"], w[f"{name}.bias"], eps)
    return moved.movedim(-1, 1)


def fsq(z, levels):
    """Codes [n] and their values [n, d] of vectors [n, d]."""
    levels = torch.tensor(levels)
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = torch.where(levels % 2 == 1, 0.0, 0.5)
    digit = (torch.tanh(z + torch.atanh(offset / half)) * half - offset).round() + levels // 2
    stride = torch.tensor([math.prod(levels[:i].tolist()) for i in range(len(levels))])
    return (digit.long() * stride).sum(-1)


def fsq_values(codes, levels):
    digits = []
    for level in levels:
        digits.append((codes % level - level // 2) / (level // 2))
        codes = codes // level
    return torch.stack(digits, -1)


def unit(w, name, x):
    y = F.elu(conv(w, f"{name}.net.2", F.elu(conv(w, f"{name}.net.0.conv", x))))
    weight = conv(w, f"{name}.net.4.to_k", y).flatten(2).softmax(-1)  # [1, 1, pixels]
    context = (y.flatten(2) * weight).sum(-1)[..., None, None]
    gate = conv(w, f"{name}.net.4.net.2", F.leaky_relu(conv(w, f"{name}.net.4.net.0", context), 0.1))
    return y * gate.sigmoid() + x


def units(w, name, x):
    if f"{name}.net.2.weight" in w:
        return unit(w, name, x)
    for i in range(sum(n.startswith(f"{name}.") and n.endswith(".net.2.weight") and ".net.4." not in n for n in w)):
        x = unit(w, f"{name}.{i}", x)
    return x


def image_codes(w, levels, flux, slots):
    """Codes of an image of 96 x 96 px in nanomaggies; `slots`: of its bands among the nine."""
    x = torch.zeros(1, 9, 96, 96)
    for band, slot in zip(flux, slots, strict=True):
        native = band * (HSC_UNIT if slot < 5 else 1)
        clipped = native.clamp(-CLIP[slot], CLIP[slot]) / (HSC_UNIT if slot < 5 else 1)
        x[0, slot] = 10 * 0.01 * torch.asinh(clipped / 0.01)
    x = F.linear(x.movedim(1, -1), w["subsample_in.weight"], w["subsample_in.bias"]).movedim(-1, 1)
    x = conv(w, "model.conv_in.conv", x * math.sqrt(9 / len(slots)))
    layer = "model.encoder_layers"
    x = conv(w, f"{layer}.1.conv", unit(w, f"{layer}.0", x), stride=2)
    x = conv(w, f"{layer}.3.conv", units(w, f"{layer}.2", x), stride=2)
    x = conv(w, f"{layer}.5.conv", units(w, f"{layer}.4", x))
    x = channel_norm(w, f"{layer}.7.1", units(w, f"{layer}.6", x))
    return fsq(conv(w, "pre_quant_proj", x)[0].flatten(1).T, levels)


def doubled(w, name, x):
    x = F.silu(conv(w, f"{name}.net.0", x))
    channels, height, width = x.shape[1] // 4, *x.shape[2:]
    parts = x.view(1, channels, 2, 2, height, width)  # channel, row, column
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(1, channels, 2 * height, 2 * width)


def image_of(w, levels, codes):
    """Nine bands in nanomaggies."""
    x = conv(w, "post_quant_proj", fsq_values(codes, levels).T.view(1, -1, 24, 24))
    layer = "model.decoder_layers"
    x = units(w, f"{layer}.2", conv(w, f"{layer}.1.conv", units(w, f"{layer}.0", x)))
    x = units(w, f"{layer}.4", doubled(w, f"{layer}.3", x))
    x = unit(w, f"{layer}.6", doubled(w, f"{layer}.5", x))
    x = conv(w, "model.conv_out.conv", x)
    x = F.linear(x.movedim(1, -1), w["subsample_out.weight"], w["subsample_out.bias"]).movedim(-1, 1)
    return 0.01 * torch.sinh(x[0] / 10 / 0.01)


def convnext(w, name, x):
    width = x.shape[1]
    y = F.conv1d(x, w[f"{name}.dwconv.weight"], w[f"{name}.dwconv.bias"], padding=3, groups=width).transpose(1, 2)
    y = F.layer_norm(y, (width,), w[f"{name}.norm.weight"], w[f"{name}.norm.bias"], 1e-6)
    y = F.gelu(F.linear(y, w[f"{name}.pwconv1.weight"], w[f"{name}.pwconv1.bias"]))
    length = y.square().sum(1, keepdim=True).sqrt()
    y = w[f"{name}.grn.gamma"] * (y * (length / (length.mean(-1, keepdim=True) + 1e-6))) + w[f"{name}.grn.beta"] + y
    return x + F.linear(y, w[f"{name}.pwconv2.weight"], w[f"{name}.pwconv2.bias"]).transpose(1, 2)


def stage(w, name, x):
    for i in range(sum(n.startswith(f"{name}.") and n.endswith("dwconv.weight") for n in w)):
        x = convnext(w, f"{name}.{i}", x)
    return x


def spectrum_codes(w, flux, ivar, wavelength):
    """Codes of a spectrum without bad pixels, that of its level first."""
    level = math.log10(max(flux.sum() / (len(flux) + 1), 0.1) + 1)
    buckets = np.linspace(-1, 5, 1024)
    code = min(int((buckets < level).sum()), 1023)
    n = max(10 ** buckets[code] - 1, 0.1)
    grid = 3500 + 0.8 * np.arange(8704)
    parts = [0.2 * (flux / n - 1), 0.2 * np.sqrt(np.clip(ivar, 0, 100)) / n]
    parts = [np.interp(grid, wavelength, p, left=0, right=0) for p in parts]
    x = torch.asinh(torch.from_numpy(np.stack(parts)).float())[None]
    for i in range(4):
        down = f"encoder.downsample_layers.{i}"
        x = channel_norm(w, f"{down}.1", conv(w, f"{down}.0", x, 4)) if i == 0 else conv(
            w, f"{down}.1", channel_norm(w, f"{down}.0", x), 2
        )  # fmt: skip
        x = stage(w, f"encoder.stages.{i}", x)
    x = conv(w, "quant_conv", channel_norm(w, "pre_quant_norm", channel_norm(w, "encoder.norm", x)))[0]
    bits = (x > 0).long()  # [10, 272]
    return torch.cat([torch.tensor([code]), (bits * 2 ** torch.arange(9, -1, -1)[:, None]).sum(0)])


def spectrum_of(w, codes):
    """Flux on the latent grid."""
    bits = (codes[1:, None] >> torch.arange(9, -1, -1)) & 1
    x = conv(w, "post_quant_conv", (2.0 * bits - 1).T[None])
    for i in range(4):
        up, stride = f"decoder.upsample_layers.{i}", (2, 2, 2, 4)[i]
        first, norm = (0, 1) if i == 0 else (1, 0)
        x = x if i == 0 else channel_norm(w, f"{up}.{norm}", x)
        x = F.conv_transpose1d(x, w[f"{up}.{first}.weight"], w[f"{up}.{first}.bias"], stride=stride)
        x = channel_norm(w, f"{up}.{norm}", x) if i == 0 else x
        x = stage(w, f"decoder.stages.{i}", x)
    return (x[0, 0] + 1) * max(10 ** float(np.linspace(-1, 5, 1024)[codes[0]]) - 1, 0.1)


def residual(w, name, x):
    y = conv(w, f"{name}.net.1", F.relu(x))
    statistics = (w[f"{name}.net.2.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
    return x + conv(w, f"{name}.net.4", F.relu(F.batch_norm(y, *statistics, eps=1e-5)))


def plane_codes(w, levels, value):
    """Codes of a plane of 96 x 96 px."""
    x = value[None, None]
    for i in (0, 2, 4):
        x = F.relu(F.conv2d(x, w[f"encoder.net.{i}.weight"], w[f"encoder.net.{i}.bias"], stride=2, padding=1))
    x = conv(w, "encoder.net.6", x)
    for i in range(2):
        x = residual(w, f"encoder.net.7.net.{i}", x)
    return fsq(conv(w, "encode_proj", x)[0].flatten(1).T, levels)


def plane_of(w, levels, codes):
    x = conv(w, "decode_proj", fsq_values(codes, levels).T.view(1, -1, 12, 12))
    x = F.conv_transpose2d(x, w["decoder.net.0.weight"], w["decoder.net.0.bias"], padding=1)
    for i in range(2):
        x = residual(w, f"decoder.net.1.net.{i}", x)
    for i in (3, 5, 7):
        name = f"decoder.net.{i}"
        x = F.conv_transpose2d(F.relu(x), w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)
    return x[0, 0].sigmoid().clamp(0, 1)


def bin_codes(table, values):
    """How many of all but the last table value lie strictly below."""
    return (table[None, :-1] < values[:, None]).sum(1)
