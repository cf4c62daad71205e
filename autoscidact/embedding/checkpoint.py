"""A finished embedding as one file that cannot execute code: weights, standardisation, and where it comes from."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from autoscidact.data.contract import Dataset
from autoscidact.embedding.standardise import Standardisation
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.errors import UserError
from autoscidact.files import atomic_path

_KEY = "autoscidact"
_FORMAT = 1
_WEIGHTS = "encoder."


@dataclass(frozen=True)
class Checkpoint:
    """A trained encoder, ready to embed.

    Attributes:
        encoder: in `eval()` mode, on the CPU.
        classes: the classes it was trained on.
        signal: the class held out of the training, None if nothing was.
        metadata: everything in the file's header: besides the fields here `dataset` (name, fingerprint), `encoder`,
            `loss`, `trainer`, `seed`, `best_epoch`, `n_train`, `ideal_supervised`, `feature_names`, `key`,
            `versions`, `command`.
    """

    path: Path
    encoder: nn.Module
    standardisation: Standardisation
    input_shape: tuple[int, ...]
    dim: int
    classes: tuple[str, ...]
    signal: str | None
    metadata: Mapping[str, Any]


def save(
    path: str | Path, weights: Mapping[str, Tensor], standardisation: Standardisation, metadata: Mapping[str, Any]
) -> Path:
    """Writes a checkpoint in safetensors format, atomically.

    Args:
        weights: the encoder's state dict.
        metadata: plain values; `encoder` (`_target_`, `dim`, arguments), `input_shape`, `classes` and `signal` are
            needed to load it.
    """
    path = Path(path)
    # Clones, because safetensors refuses tensors that share memory, as tied weights do.
    tensors = {_WEIGHTS + name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    tensors["standardisation.mean"] = torch.from_numpy(standardisation.mean.copy())
    tensors["standardisation.scale"] = torch.from_numpy(standardisation.scale.copy())
    header = {_KEY: json.dumps({"format": _FORMAT, **metadata}, sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header)
    return path


def load(path: str | Path, trusted: Collection[str] = ()) -> Checkpoint:
    """Reads a checkpoint and rebuilds its encoder. Nothing is unpickled.

    Args:
        trusted: dotted paths of encoder classes outside `autoscidact.encoders` that may be imported, normally the
            one that the user's own configuration names. A file alone never decides which code runs.

    Raises:
        UserError: the file is missing, damaged, no checkpoint, of another format, or names an encoder that cannot be
            built or is not trusted.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    try:
        spec = EncoderSpec.from_config(metadata["encoder"])
        input_shape = tuple(int(length) for length in metadata["input_shape"])
        classes = tuple(str(name) for name in metadata["classes"])
        signal = metadata["signal"]
        standardisation = Standardisation(
            tensors["standardisation.mean"].numpy(), tensors["standardisation.scale"].numpy()
        )
    except (KeyError, TypeError, ValueError, AttributeError, UserError) as error:
        raise UserError(f"checkpoint {path} is incomplete ({error}); train again") from error
    try:
        encoder = spec.build(input_shape, trusted=trusted)
        weights = {name.removeprefix(_WEIGHTS): v for name, v in tensors.items() if name.startswith(_WEIGHTS)}
        encoder.load_state_dict(weights)
    except UserError as error:
        raise UserError(f"checkpoint {path}: {error}") from error
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"checkpoint {path} does not fit its encoder {spec.target} ({reason}); train again") from error
    encoder.eval().requires_grad_(False)
    return Checkpoint(path, encoder, standardisation, input_shape, spec.dim, classes, signal, metadata)


def check_matches(checkpoint: Checkpoint, dataset: Dataset, dim: int | None = None) -> None:
    """Raises UserError unless the checkpoint was trained on this very dataset, with this dimension (if given).

    "This very" includes the split: events that one split tests on, another one trains on.
    """
    trained_on = checkpoint.metadata.get("dataset", {})
    prefix = f"checkpoint {checkpoint.path}"
    if trained_on.get("name") != dataset.name:
        raise UserError(
            f"{prefix} is of dataset {trained_on.get('name')!r}, not {dataset.name!r}; "
            "give the checkpoint of this dataset, or train one"
        )
    if checkpoint.signal != (None if dataset.signal_label < 0 else dataset.signal):
        raise UserError(
            f"{prefix} held out the class {checkpoint.signal!r}, so {dataset.signal!r} was trained on; "
            f"set dataset.signal={checkpoint.signal}, or train again"
        )
    if dim is not None and checkpoint.dim != dim:
        raise UserError(
            f"{prefix} has dimension {checkpoint.dim}, but encoder.dim is {dim}; "
            f"set encoder.dim={checkpoint.dim}, or train again"
        )
    if trained_on.get("fingerprint") != dataset.fingerprint:
        raise UserError(
            f"{prefix} was trained on other events or another split of {dataset.name!r}; "
            "restore the dataset's file, split and seed, or train again"
        )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist; `autoscidact train` makes one")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        metadata = json.loads(header[_KEY])
        if not isinstance(metadata, dict):
            raise ValueError("its header is no mapping")
    except KeyError as error:
        raise UserError(f"checkpoint {path} was not written by autoscidact") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"checkpoint {path} is damaged or no checkpoint ({error}); train again") from error
    if metadata.get("format") != _FORMAT:
        raise UserError(f"checkpoint {path} has format {metadata.get('format')}, this version reads {_FORMAT}")
    return metadata, tensors
