"""Weights of a network from a file of the user's: read without running anything that is in it."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from autoscidact.errors import UserError

# Where training programs put the weights beside what else they save.
_INSIDE = ("state_dict", "model", "model_state_dict")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Name to tensor of a .safetensors file, or of a .pth, .pt or .bin file that torch saved.

    Args:
        path: of the file. Weights may lie under "state_dict" or "model"; names may begin with "module.".

    Raises:
        UserError: no such file, or one that holds no weights, or more than tensors and plain values.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(
            f"encoder.weights={path}: no such file; give pretrained, random, or a .pth or .safetensors file"
        )
    try:
        content: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"encoder.weights={path}: damaged, or not a file of weights only ({reason[:200]}); "
            "save the network's state_dict() with torch.save or safetensors"
        ) from error
    for key in _INSIDE:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"encoder.weights={path}: holds no weights; save the network's state_dict() with torch.save")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def fill(network: nn.Module, weights: Mapping[str, Tensor], own_name: Callable[[str], str | None], source: str) -> None:
    """Puts weights into a network: every one must be there, and fit.

    Args:
        own_name: the network's name of a weight; None for one of a part that it does not have.
        source: where they come from, for messages.

    Raises:
        UserError: a weight is missing, is one too many, or has another shape.
    """
    own = network.state_dict()
    named = ((own_name(name), value) for name, value in weights.items())
    given = {name: value for name, value in named if name is not None}
    # Older files lack these counters, which no output depends on.
    counters = {name: own[name] for name in own.keys() - given.keys() if name.endswith("num_batches_tracked")}
    given |= counters
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    shaped = [name for name in own.keys() & given.keys() if own[name].shape != given[name].shape]
    complaints = [
        f"{len(names)} {what}, such as {min(names)}"
        for names, what in ((missing, "missing"), (unknown, "unknown"), (shaped, "of another shape"))
        if names
    ]
    if complaints:
        raise UserError(
            f"{source}: these weights are of another network ({'; '.join(complaints)}); "
            "give the file of the network that encoder.model names"
        )
    network.load_state_dict(given)
