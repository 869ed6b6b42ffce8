"""Images: the released size, any subset of bands, any size, and what must not leak in."""

import math

import numpy as np
import pytest
import torch

from foundation.data.records import Image
from foundation.tokenizers.bands import BANDS, RELEASED
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.image_network import BandProjection


def ids(tokenizer, record):
    return tokenizer.encode([record])[0].ids


@pytest.fixture(scope="module")
def released():
    return ImageTokenizer(ImageConfig())


def test_the_default_is_the_released_codec(released):
    """Parameter and tensor counts reproduce the byte size of the released file (280,266,508)."""
    assert sum(p.numel() for p in released.parameters()) == 70_058_592
    assert len(released.state_dict()) == 287
    assert released.space.size == 4375
    assert released.token_count == 576


def test_names_and_shapes_are_the_released_ones(released):
    shapes = {k: tuple(v.shape) for k, v in released.state_dict().items()}
    units = ["encoder_layers.0", "decoder_layers.6"]
    for part, at in (("encoder", (2, 4, 6)), ("decoder", (0, 2, 4))):
        units += [f"{part}_layers.{i}.{j}" for i in at for j in range(4)]
    inside = ("0.conv", "2", "4.to_k", "4.net.0", "4.net.2")
    expected = {f"model.{u}.net.{k}.{w}" for u in units for k in inside for w in ("weight", "bias")}
    single = "conv_in.conv conv_out.conv encoder_layers.1.conv encoder_layers.3.conv encoder_layers.5.conv "
    single += "encoder_layers.7.1 decoder_layers.1.conv decoder_layers.3.net.0 decoder_layers.5.net.0"
    for layer in single.split():
        expected |= {f"model.{layer}.weight", f"model.{layer}.bias"}
    for layer in ("subsample_in", "subsample_out", "pre_quant_proj", "post_quant_proj"):
        expected |= {f"{layer}.weight", f"{layer}.bias"}
    assert set(shapes) == expected | {"_quantizer.levels"}
    assert shapes["subsample_in.weight"] == (54, 9)
    assert shapes["subsample_out.weight"] == (9, 54)
    assert shapes["pre_quant_proj.weight"] == (5, 512, 1, 1)
    assert shapes["model.conv_in.conv.weight"] == (128, 54, 7, 7)
    assert shapes["model.encoder_layers.5.conv.weight"] == (512, 512, 7, 7)
    assert shapes["model.encoder_layers.7.1.weight"] == (512,)
    assert shapes["model.decoder_layers.3.net.0.weight"] == (1024, 512, 1, 1)
    assert shapes["model.encoder_layers.0.net.4.net.0.weight"] == (64, 128, 1, 1)
    assert released.state_dict()["_quantizer.levels"].dtype == torch.int32


def test_bands_are_clipped_and_compressed_by_the_published_formula(released):
    """HSC pixels reach the network as asinh of native units / 63.0957, clipped at 80 native units."""
    flux = np.full((2, 96, 96), 500.0, np.float32)  # nMgy: beyond both limits
    flux[:, 0, 0] = 0.3
    value = released.prepare_one(Image(flux, ("HSC-G", "DES-Z"), 0.168, np.ones_like(flux)))["value"]
    hsc, des = list(RELEASED).index("HSC-G"), list(RELEASED).index("DES-Z")
    assert value[hsc, 5, 5] == pytest.approx(0.1 * math.asinh(80 / 63.0957 / 0.01), rel=1e-5)
    assert value[des, 5, 5] == pytest.approx(0.1 * math.asinh(25 / 0.01), rel=1e-5)
    assert value[des, 0, 0] == value[hsc, 0, 0] == pytest.approx(0.1 * math.asinh(30), rel=1e-5)
    assert not value[[i for i in range(9) if i not in (hsc, des)]].any()


def test_weight_is_the_noise_after_compression(image_tokenizer):
    """Against a numerical derivative, with the error floor added in quadrature."""
    flux = np.array([0.0, 0.02, 0.5, 4.0], np.float32).repeat(32 * 32).reshape(4, 32, 32)
    image = Image(flux, ("DES-G", "DES-R", "DES-I", "DES-Z"), 0.262, np.full_like(flux, 2500.0))
    weight = image_tokenizer().prepare_one(image)["weight"]
    for band, x in enumerate((0.0, 0.02, 0.5, 4.0)):
        slope = (math.asinh((x + 1e-4) / 0.01) - math.asinh((x - 1e-4) / 0.01)) * 0.1 / 2e-4
        sigma = math.hypot(0.02, 0.05 * x) * slope
        assert weight[band, 3, 3] == pytest.approx(1 / sigma, rel=1e-3)


@pytest.mark.parametrize("bands", [("DES-G",), ("DES-Z", "DES-R"), ("DES-I", "DES-G", "DES-Z")])
def test_any_bands_in_any_order(make_image, image_tokenizer, bands):
    tokenizer, image = image_tokenizer(), make_image()
    some = image.select(bands)
    assert torch.equal(ids(tokenizer, some), ids(tokenizer, image.select(bands[::-1])))
    assert not torch.equal(ids(tokenizer, some), ids(tokenizer, image))
    assert tokenizer.decode(tokenizer.encode([some]), bands)[0].bands == bands


def test_a_band_without_usable_pixels_is_an_absent_band(make_image, image_tokenizer):
    tokenizer, image = image_tokenizer(), make_image()
    ivar = image.ivar.copy()
    ivar[1] = 0
    dead = Image(image.flux, image.bands, image.pixel_scale, ivar, bad=image.bad)
    assert torch.equal(ids(tokenizer, dead), ids(tokenizer, image.select(("DES-G", "DES-I", "DES-Z"))))


def test_the_projection_scales_with_the_bands_present(image_tokenizer):
    project = image_tokenizer().subsample_in
    x = torch.randn(1, 4, 2, 2)
    present = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    expected = (project.weight[:, [0, 2]] @ x[0, [0, 2], 1, 0] + project.bias) * math.sqrt(4 / 2)
    torch.testing.assert_close(project(x, present)[0, :, 1, 0], expected)


def test_flux_under_bad_pixels_changes_nothing(make_image, image_tokenizer):
    tokenizer, image = image_tokenizer(), make_image()
    flux = np.where(image.bad, 1e6, image.flux)
    ivar = image.ivar.copy()
    ivar[:, 4:6] = 0
    flux[:, 4:6] = np.nan
    holed = Image(flux, image.bands, image.pixel_scale, ivar, bad=image.bad)
    plain = Image(image.flux, image.bands, image.pixel_scale, ivar, bad=image.bad)
    assert torch.equal(ids(tokenizer, holed), ids(tokenizer, plain))
    for name, array in tokenizer.prepare_one(holed).items():
        np.testing.assert_array_equal(array, tokenizer.prepare_one(plain)[name])


@pytest.mark.parametrize("size", [20, 33, 47])
def test_larger_images_are_cropped_and_smaller_ones_padded_about_the_centre(make_image, image_tokenizer, size):
    tokenizer, image = image_tokenizer(), make_image(size=size)
    prepared = tokenizer.prepare_one(image)
    before = (32 - size) // 2 if size < 32 else 0
    start = (size - 32) // 2 if size > 32 else 0
    shown = min(size, 32)
    expected = 0.1 * np.arcsinh(np.where(image.usable, image.flux, 0) / 0.01)
    inside = prepared["value"][:, before : before + shown, before : before + shown]
    np.testing.assert_allclose(inside, expected[:, start : start + shown, start : start + shown], rtol=1e-5, atol=1e-6)
    assert (prepared["weight"] > 0).sum() == image.usable[:, start : start + shown, start : start + shown].sum()
    assert len(ids(tokenizer, image)) == 16


def test_padding_is_the_same_as_a_border_without_data(make_image, image_tokenizer):
    tokenizer, image = image_tokenizer(), make_image(size=24)
    border = ((0, 0), (4, 4), (4, 4))
    framed = Image(
        np.pad(image.flux, border, constant_values=9),
        image.bands,
        0.262,
        np.pad(image.ivar, border),
        bad=np.pad(image.bad, border),
    )
    assert torch.equal(ids(tokenizer, image), ids(tokenizer, framed))


def test_positions_are_arcsec_from_the_centre_by_the_images_own_scale(make_image, image_tokenizer):
    tokens = image_tokenizer().encode([make_image(scale=0.2)])[0]
    centre = (np.arange(4) - 1.5) * 8 * 0.2
    y, x = np.meshgrid(centre, centre, indexing="ij")
    np.testing.assert_allclose(tokens.position[:, 0], y.ravel())
    np.testing.assert_allclose(tokens.position[:, 1], x.ravel())
    assert image_tokenizer().decode([tokens])[0].pixel_scale == pytest.approx(0.2)


def test_decoded_flux_inverts_the_compression(image_tokenizer):
    tokenizer = image_tokenizer()
    flux = np.array([-0.5, 0.003, 1.0, 20.0])[:, None, None] * np.ones((4, 2, 2))
    value, _ = tokenizer._compress(flux, np.ones_like(flux))
    np.testing.assert_allclose(tokenizer._expand(value), flux, rtol=1e-5)
    limits = [BANDS[b].limit for b in tokenizer.config.bands]
    np.testing.assert_allclose(tokenizer._expand(np.full((4, 1, 1), 1e3)).ravel(), limits, rtol=1e-5)


def test_unknown_bands_and_empty_images_are_refused(make_image, image_tokenizer):
    tokenizer, image = image_tokenizer(), make_image()
    other = Image(image.flux, ("DES-G", "DES-R", "DES-I", "HSC-Y"), 0.262, image.ivar)
    with pytest.raises(TokenizerError, match="HSC-Y"):
        tokenizer.encode([other])
    with pytest.raises(TokenizerError, match="no bands"):
        tokenizer.decode(tokenizer.encode([image]), ("HSC-Y",))
    empty = Image(image.flux, image.bands, 0.262, np.zeros_like(image.ivar))
    assert tokenizer.accepts(image)
    assert not tokenizer.accepts(empty)
    with pytest.raises(TokenizerError, match="no usable pixel"):
        tokenizer.encode([image, empty])


@pytest.mark.parametrize("options", [{"bands": ("XYZ",)}, {"bands": ()}, {"pixels": 90, "fold": 4}, {"hidden": 30}])
def test_sizes_that_do_not_fit_are_refused(options):
    with pytest.raises(TokenizerError):
        ImageConfig(**options)


def test_gradients_reach_every_weight(make_image, image_tokenizer):
    tokenizer = image_tokenizer().train()
    out = tokenizer.reconstruct(tokenizer.prepare([make_image(0), make_image(1).select(("DES-G",))]))
    assert out.value.shape == out.target.shape == (2, 4, 32, 32)
    (out.chi2 + out.penalty).backward()
    still = [n for n, p in tokenizer.named_parameters() if p.grad is None or p.grad.abs().sum() < 1e-9]
    assert all(n.endswith("to_k.bias") for n in still), "a softmax does not see a constant"


def test_projection_and_convolution_in_one_are_the_two_in_turn():
    torch.manual_seed(0)
    projection, conv = BandProjection(5, 12).double(), torch.nn.Conv2d(12, 7, 5, padding=2).double()
    x = torch.randn(3, 5, 11, 9, dtype=torch.float64)
    present = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(projection.before(conv, x, present), conv(projection(x, present)))
