"""Image towers of CLIP models by open_clip: BioCLIP, the paper's backbone for butterflies."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from autoscidact.encoders.pretrained.contract import Backbone, Preprocessing
from autoscidact.encoders.pretrained.weights_file import read_weights
from autoscidact.errors import UserError

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_RESOLUTION = 224
_HUB = "hf-hub:"
_FILE = "open_clip_pytorch_model.bin"
# Which of open_clip's architectures a model on the hub has; its own configuration there says the same.
_ARCHITECTURES = {"hf-hub:imageomics/bioclip": "ViT-B-16"}
_TOWER = "visual."


class OpenClipModels:
    """A `Source` of the image tower alone: features are the image's coordinates in the space shared with texts.

    References:
        Stevens et al., "BioCLIP: A Vision Foundation Model for the Tree of Life", arXiv:2311.18803.
        AutoSciDACT paper, App. A.6.
    """

    def build(self, model: str, resolution: int) -> Backbone:
        """See `Source.build`; `model` is "hf-hub:imageomics/bioclip", or an architecture of open_clip with a file."""
        open_clip, architecture = _open_clip(), _ARCHITECTURES.get(model, model)
        if architecture.startswith(_HUB):
            raise UserError(
                f"encoder.model={model}: give {', '.join(_ARCHITECTURES)}, or for other models their architecture, "
                "such as ViT-B-16, with encoder.weights=FILE"
            )
        if resolution != _RESOLUTION:
            raise UserError(f"encoder.resolution={resolution}: CLIP's towers take {_RESOLUTION} pixels only")
        try:
            tower = open_clip.create_model(architecture, pretrained=None).visual
        except RuntimeError as error:
            raise UserError(f"encoder.model={model}: open_clip has no such architecture ({error})") from error
        preprocessing = Preprocessing(resolution, resolution, mean=_MEAN, std=_STD, interpolation="bicubic")
        return Backbone(tower, f"open_clip/{model}", int(tower.output_dim), preprocessing)

    def fetch(self, model: str, resolution: int) -> Mapping[str, Tensor]:
        """See `Source.fetch`; from Hugging Face."""
        if not model.startswith(_HUB):
            raise FileNotFoundError(f"{model} is an architecture, which has no weights of its own")
        from huggingface_hub import hf_hub_download

        return read_weights(hf_hub_download(model.removeprefix(_HUB), _FILE))

    def own_name(self, model: str, name: str) -> str | None:
        """See `Source.own_name`; text tower and temperature are left out."""
        return name.removeprefix(_TOWER) if name.startswith(_TOWER) else None

    def where(self, model: str) -> str:
        """See `Source.where`."""
        if not model.startswith(_HUB):
            return f"the weights of a model with architecture {model}"
        return f"https://huggingface.co/{model.removeprefix(_HUB)}/resolve/main/{_FILE}"


def _open_clip() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise UserError("encoder bioclip needs open_clip: pip install 'autoscidact[bioclip]'") from error
    return open_clip
