"""What a training is asked to do: plain values, checked when they are set."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

from autoscidact.errors import UserError


@dataclass(frozen=True)
class LossSettings:
    """L = L_contrastive + lambda_ce L_CE (paper, Eq. 3).

    Attributes:
        name: "supcon" (Eq. 2) or "simclr" (Eq. 1).
        temperature: tau.
        lambda_ce: weight of the classifier's cross entropy.
        views: makes a random augmentation of events as the encoder takes them, (n, ...) -> (n, ...). simclr needs it;
            with supcon the views join the positives. Its `repr` stands for it in provenance.
    """

    name: Literal["supcon", "simclr"] = "supcon"
    temperature: float = 0.1
    lambda_ce: float = 0.5
    views: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if self.name not in ("supcon", "simclr"):
            raise UserError(f"loss.name is {self.name!r}; choose supcon or simclr")
        for name in ("temperature", "lambda_ce"):
            _check_number(f"loss.{name}", getattr(self, name))
        if not self.temperature > 0:
            raise UserError(f"loss.temperature must be above 0, not {self.temperature}")
        if not self.lambda_ce >= 0:
            raise UserError(f"loss.lambda_ce must not be negative, it is {self.lambda_ce}")
        if self.name == "simclr" and self.views is None:
            raise UserError("loss.views is missing: simclr contrasts augmented views; loss=simclr brings some")

    def describe(self) -> dict[str, Any]:
        """The settings as JSON can carry them."""
        return {
            "name": self.name,
            "temperature": self.temperature,
            "lambda_ce": self.lambda_ce,
            "views": None if self.views is None else repr(self.views),
        }


@dataclass(frozen=True)
class TrainerSettings:
    """See `configs/trainer/default.yaml`, which explains each value."""

    max_epochs: int = 50
    batch_size: int = 1000
    shuffle_buffer: int = 32768
    lr: float = 1e-3
    lr_min: float = 0.0
    weight_decay: float = 0.01
    patience: int | None = None
    accelerator: str = "auto"
    devices: int | str = 1
    num_nodes: int = 1
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = "32-true"
    deterministic: bool | Literal["warn"] = True
    compile: bool = False

    def __post_init__(self) -> None:
        for name, least in (
            ("max_epochs", 1),
            ("batch_size", 2),
            ("shuffle_buffer", 1),
            ("num_nodes", 1),
            ("patience", 1),
        ):
            value = getattr(self, name)
            if not (name == "patience" and value is None) and (not isinstance(value, int) or value < least):
                raise UserError(f"trainer.{name} must be a whole number of at least {least}, not {value!r}")
        for name in ("lr", "lr_min", "weight_decay"):
            _check_number(f"trainer.{name}", getattr(self, name))
        if not isinstance(self.compile, bool):
            raise UserError(f"trainer.compile must be true or false, not {self.compile!r}")
        if self.deterministic not in (True, False, "warn"):
            raise UserError(f"trainer.deterministic must be true, false or warn, not {self.deterministic!r}")
        if not self.lr > 0:
            raise UserError(f"trainer.lr must be above 0, not {self.lr}")
        if not 0 <= self.lr_min <= self.lr:
            raise UserError(f"trainer.lr_min must lie between 0 and trainer.lr, not at {self.lr_min}")
        if not self.weight_decay >= 0:
            raise UserError(f"trainer.weight_decay must not be negative, it is {self.weight_decay}")

    def describe(self) -> dict[str, Any]:
        """The settings as JSON can carry them."""
        return asdict(self)


@dataclass(frozen=True)
class LoggerSettings:
    """Which records a training keeps in its folder: `metrics.csv`, and TensorBoard's events."""

    csv: bool = True
    tensorboard: bool = True

    def __post_init__(self) -> None:
        for name in ("csv", "tensorboard"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"logger.{name} must be true or false, not {getattr(self, name)!r}")


def _check_number(key: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{key} must be a number, not {value!r}")
