"""Any image network of timm, by its name."""

import difflib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from autoscidact.encoders.pretrained.contract import Backbone, Preprocessing
from autoscidact.errors import UserError


class TimmModels:
    """A `Source`: networks such as "resnet18.a1_in1k"; what follows the dot names the weights."""

    def build(self, model: str, resolution: int) -> Backbone:
        """See `Source.build`. Features are those that the network's own classifier would see."""
        timm = _timm()
        name, known = model.partition(".")[0], timm.list_models()
        # Of a name with a colon timm would read the configuration from elsewhere.
        if name not in known or ":" in model:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UserError(f"encoder.model={model}: timm has no such network; {hint}timm.list_models() lists them")
        published = _published(model)
        native = published.input_size[1]
        try:
            network = timm.create_model(model, pretrained=False, num_classes=0, **_sized(published, resolution))
        except (TypeError, ValueError, AssertionError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise UserError(
                f"encoder.model={model} cannot be built for encoder.resolution={resolution} ({reason}); "
                f"its own is {native}"
            ) from error
        preprocessing = Preprocessing.scaled(
            resolution,
            native,
            int(native / published.crop_pct),
            mean=tuple(published.mean),
            std=tuple(published.std),
            interpolation="bilinear" if published.interpolation == "bilinear" else "bicubic",
        )
        n_features = getattr(network, "head_hidden_size", None) or network.num_features
        return Backbone(network, f"timm/{model}", int(n_features), preprocessing)

    def fetch(self, model: str, resolution: int) -> Mapping[str, Tensor]:
        """See `Source.fetch`; from Hugging Face, mostly. Positions of a transformer's patches are interpolated."""
        sized = _sized(_published(model), resolution)
        network: nn.Module = _timm().create_model(model, pretrained=True, num_classes=0, **sized)
        return network.state_dict()

    def own_name(self, model: str, name: str) -> str | None:
        """See `Source.own_name`."""
        heads = _published(model).classifier or ()
        heads = [heads] if isinstance(heads, str) else heads
        return None if name.startswith(tuple(f"{head}." for head in heads)) else name

    def where(self, model: str) -> str:
        """See `Source.where`."""
        published = _published(model)
        if published.hf_hub_id:
            return f"https://huggingface.co/{published.hf_hub_id}/resolve/main/model.safetensors"
        return str(published.url or f"the weights of timm's {model}")


def _sized(published: Any, resolution: int) -> dict[str, int]:
    fixed = published.fixed_input_size and resolution != published.input_size[1]
    return {"img_size": resolution} if fixed else {}


def _published(model: str) -> Any:
    _timm()
    from timm.models import get_pretrained_cfg

    published = get_pretrained_cfg(model)
    if published is None:
        raise UserError(f"encoder.model={model}: timm knows no such weights; timm.list_pretrained() lists them")
    return published


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise UserError("encoder timm needs timm: pip install 'autoscidact[images]'") from error
    return timm
