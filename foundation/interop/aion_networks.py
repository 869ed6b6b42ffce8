"""The convolutional codecs of AION-1: images, spectra and planes. Their tensors have the released names already."""

from foundation.interop.aion_codec import Codec, Stored, Tensors, agree
from foundation.interop.aion_keys import CROP, Key
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.segmentation import SegmentationConfig, SegmentationTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer

IMAGE_NAMES = {  # entry of config.json -> option of ours
    "hidden_dims": "hidden",
    "multisurvey_projection_dims": "projection",
    "n_compressions": "compressions",
    "num_consecutive": "units",
    "range_compression_factor": "softening",
    "mult_factor": "gain",
}
SPECTRUM_NAMES = {
    "encoder_depths": "encoder_depths",
    "encoder_dims": "encoder_widths",
    "decoder_depths": "decoder_depths",
    "decoder_dims": "decoder_widths",
    "lambda_min": "wavelength_min",
    "resolution": "step",
    "num_pixels": "pixels",
    "clip_ivar": "clip_ivar",
    "input_scaling": "input_scale",
    "normalization_range": "level_range",
}
PLANE_NAMES = {"num_downsamples": "halvings", "res_hidden_dims": "narrow", "num_res_layers": "layers"}
TRAINING = (  # entries of a plane's codec that say how it was trained
    *("output_activation", "output_activation_extension", "reconstruction_loss", "quantisation_loss_weight", "lr"),
    *("lr_warmup", "begin_cosine_annealing", "lr_cosine_period", "ema_model_weights", "ema_decay", "ema_update_freq"),
)


def _image_config(stored: Stored, key: Key, tensors: Tensors) -> ImageConfig:
    levels = tuple(stored["quantizer_levels"])
    agree(key, embedding_dim=(stored["embedding_dim"], len(levels)))
    scale = key.axes[0].step * key.axes[0].count / CROP
    return ImageConfig(levels=levels, pixel_scale=scale, **{o: stored[t] for t, o in IMAGE_NAMES.items()})


def _image_stored(config: ImageConfig, key: Key) -> Stored:
    sizes = {theirs: getattr(config, ours) for theirs, ours in IMAGE_NAMES.items()}
    return {**sizes, "quantizer_levels": list(config.levels), "embedding_dim": len(config.levels)}


def _spectrum_config(stored: Stored, key: Key, tensors: Tensors) -> SpectrumConfig:
    bits = stored["dim"]
    agree(
        key,
        embedding_dim=(stored["embedding_dim"], bits),
        codebook_size=(stored["codebook_size"], 2**bits),
        latent_channels=(stored["latent_channels"], stored["encoder_dims"][-1]),
        clip_flux=(stored["clip_flux"], None),
    )
    parts: Stored = {ours: stored[theirs] for theirs, ours in SPECTRUM_NAMES.items()}
    parts = {name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()}
    return SpectrumConfig(levels=(2,) * bits, **parts)


def _spectrum_stored(config: SpectrumConfig, key: Key) -> Stored:
    parts = {theirs: getattr(config, ours) for theirs, ours in SPECTRUM_NAMES.items()}
    parts = {name: list(value) if isinstance(value, tuple) else value for name, value in parts.items()}
    bits, latent = len(config.levels), config.encoder_widths[-1]
    rest = {"latent_channels": latent, "embedding_dim": bits, "codebook_size": 2**bits, "dim": bits}
    return {**parts, **rest, "clip_flux": None}


def _plane_config(stored: Stored, key: Key, tensors: Tensors) -> SegmentationConfig:
    levels, width = tuple(stored.get("levels", SegmentationConfig().levels)), stored["encoder_output_dim"]
    agree(
        key,
        embedding_dim=(stored["embedding_dim"], len(levels)),
        variational=(stored.get("variational", False), False),
        decoder_input_dim=(stored.get("decoder_input_dim") or width, width),
    )
    sizes = {ours: stored[theirs] for theirs, ours in PLANE_NAMES.items() if theirs in stored}
    return SegmentationConfig(levels=levels, hidden=width, **sizes)


def _plane_stored(config: SegmentationConfig, key: Key) -> Stored:
    sizes = {theirs: getattr(config, ours) for theirs, ours in PLANE_NAMES.items()}
    rest = {"encoder_output_dim": config.hidden, "embedding_dim": len(config.levels), "levels": list(config.levels)}
    return {**sizes, **rest}


IMAGE = Codec(
    ImageTokenizer, frozenset({*IMAGE_NAMES, "quantizer_levels", "embedding_dim"}), _image_config, _image_stored
)
SPECTRUM = Codec(
    SpectrumTokenizer,
    frozenset({*SPECTRUM_NAMES, "latent_channels", "embedding_dim", "codebook_size", "dim", "clip_flux"}),
    _spectrum_config,
    _spectrum_stored,
)
PLANE = Codec(
    SegmentationTokenizer,
    frozenset({"encoder_output_dim", "embedding_dim"}),
    _plane_config,
    _plane_stored,
    optional=frozenset({*PLANE_NAMES, *TRAINING, "levels", "variational", "decoder_input_dim"}),
)
