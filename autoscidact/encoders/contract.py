"""What an encoder is, and how one is named, built and named again from a checkpoint."""

import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from autoscidact.errors import UserError

PACKAGE = "autoscidact.encoders."


@dataclass(frozen=True)
class EncoderSpec:
    """The recipe of an encoder f: input -> R^d, as it stands in `configs/encoder/*.yaml` and in checkpoints.

    An encoder is an `nn.Module` that

    - is constructed with the keywords `input_shape` (shape of one event) and `dim` (d), and whatever else its
      configuration gives: plain values only, so that a checkpoint can carry them as JSON;
    - maps (n, *input_shape) float32, standardised, to (n, d), for every n >= 1; one whose input must stay as the
      dataset gives it (masks, physical units) says so with a class attribute `standardises_itself = True`;
    - in `eval()` mode treats every event by itself: who else is in the batch does not matter.

    Events of more than one axis are (channels, ...).

    Attributes:
        target: dotted path of the class, Hydra's `_target_`.
        dim: d, the dimension of the embedding.
        arguments: the constructor's other keywords.
    """

    target: str
    dim: int
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.dim, bool) or not isinstance(self.dim, int) or self.dim < 1:
            raise UserError(f"encoder.dim must be a whole number of at least 1, not {self.dim!r}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "EncoderSpec":
        """From `{"_target_": ..., "dim": ..., **arguments}`. Raises UserError where a key is missing."""
        for key in ("_target_", "dim"):
            if key not in config:
                raise UserError(f"encoder.{key} is missing: an encoder needs its class and its dimension")
        rest = {key: value for key, value in config.items() if key not in ("_target_", "dim")}
        return cls(str(config["_target_"]), config["dim"], rest)

    def to_config(self) -> dict[str, Any]:
        """The inverse of `from_config`."""
        return {"_target_": self.target, "dim": self.dim, **self.arguments}

    def build(self, input_shape: Sequence[int], seed: int = 0, trusted: Collection[str] | None = None) -> nn.Module:
        """Constructs the encoder with weights drawn from `seed`, leaving torch's global generator as it was.

        Args:
            trusted: None builds whatever `target` names (the configuration is the user's own). A collection, as for
                a recipe out of a file, allows only classes that live under `autoscidact.encoders` and the dotted
                paths that it lists.

        Raises:
            UserError: the class cannot be imported, is not trusted, or refuses its arguments.
        """
        constructor = _find(self.target, trusted)
        # A recipe out of a file comes with its weights: nothing pre-trained is read or fetched for it.
        constructor = constructor if trusted is None else getattr(constructor, "restored", constructor)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                encoder = constructor(input_shape=tuple(input_shape), dim=self.dim, **self.arguments)
            except TypeError as error:
                raise UserError(f"encoder {self.target} does not take these arguments: {error}") from error
        if not isinstance(encoder, nn.Module):
            raise UserError(f"encoder {self.target} gives a {type(encoder).__name__}, not a torch.nn.Module")
        return encoder


def _find(target: str, trusted: Collection[str] | None) -> Any:
    ours = target.startswith(PACKAGE)
    if trusted is not None and not ours and target not in trusted:
        raise UserError(
            f"encoder {target} is not one of {PACKAGE[:-1]}: to run it, name the same class in encoder._target_"
        )
    module_name, _, name = target.rpartition(".")
    try:
        constructor = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"encoder._target_: cannot import {target!r} ({error})") from error
    # A module of ours also holds what it imports: `autoscidact.encoders.mlp.Sequence` is no encoder.
    if ours and not str(getattr(constructor, "__module__", "")).startswith(PACKAGE):
        raise UserError(f"encoder._target_: {target!r} is not defined in {PACKAGE[:-1]}")
    return constructor
