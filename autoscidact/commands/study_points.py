"""From a study's YAML to its points: one configuration of train and discover each."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from autoscidact.commands.configuration import as_list, nearest, whole_number
from autoscidact.errors import UserError

STUDY_KEYS = ("study", "smoke", "smoke_set", "workers")
PLAN_KEYS = ("scan", "average", "set", "f_s", "arms", "show", "base", "needs", "smoke_scan")


@dataclass(frozen=True)
class Point:
    """One discovery of a study.

    Attributes:
        arm: which way of looking at the events (their embedding, or raw).
        settings: scanned key to value.
        model: which of the random models that are averaged over.
        cfg: what `train` and `discover` are given.
    """

    arm: str
    settings: dict[str, Any]
    model: int
    cfg: DictConfig


@dataclass(frozen=True)
class Axis:
    """A key that is scanned: its values, and what other keys take beside each of them."""

    key: str
    values: list[Any]
    along: dict[str, list[Any]]

    def ends(self) -> "Axis":
        """The first and the last value alone."""
        places = sorted({0, len(self.values) - 1})
        along = {key: [values[place] for place in places] for key, values in self.along.items()}
        return Axis(self.key, [self.values[place] for place in places], along)


def points_of(cfg: DictConfig, name: str, plan: Mapping[str, Any], smoke: bool, given: Collection[str]) -> list[Point]:
    """Every point of a study: arms x scanned values x models.

    Args:
        cfg: the study command's configuration, unresolved.
        plan: `study.NAME`, plain. smoke: only the ends of each scan, two models, and `smoke_set`.
        given: keys that the user set, which win over what the study would set.

    Raises:
        UserError: a key that is not there, or values that are no list.
    """
    _check_plan(name, plan)
    axes = _axes(name, "scan", plan.get("scan") or [])
    average = plan.get("average") or {"key": None, "models": 1}
    models = whole_number(f"study.{name}.average.models", average["models"], 1)
    if smoke:
        other = {axis.key: axis for axis in _axes(name, "smoke_scan", plan.get("smoke_scan") or [])}
        axes = [other.get(axis.key, axis).ends() for axis in axes]
        models = min(2, models)
    fractions = as_list(_plain(cfg.f_s if "f_s" in given or not plan.get("f_s") else plan["f_s"]))
    smoked: Any = OmegaConf.to_container(cfg.smoke_set) if smoke else {}
    for key in [*(axis.key for axis in axes), *(key for axis in axes for key in axis.along), average["key"]]:
        if key in given:
            raise UserError(f"study {name} scans {key}, which the command line sets; leave it out there")
    points = []
    every_place = product(*(range(len(axis.values)) for axis in axes))
    for (arm, how), places, model in product(plan["arms"].items(), every_place, range(models)):
        own = _without_study(cfg, how["statistics"], name)
        # What smoke=true shrinks differs from dataset to dataset, and `auto` fits any of them.
        small = {k: v for k, v in smoked.items() if _holds(own, k) and OmegaConf.select(own, k) != "auto"}
        wanted: dict[str, Any] = {**(plan.get("set") or {}), **small}
        changes = {key: value for key, value in wanted.items() if key not in given} | (how.get("set") or {})
        settings = {axis.key: axis.values[place] for axis, place in zip(axes, places, strict=True)}
        changes |= settings
        for axis, place in zip(axes, places, strict=True):
            changes |= {key: values[place] for key, values in axis.along.items()}
        if average["key"]:
            changes[average["key"]] = model
        changes["f_s"] = fractions[-2:] if smoke else fractions
        for key, value in changes.items():
            _set(own, key, value, name)
        _check_effect(name, own, [*settings, average["key"]])
        points.append(Point(arm, settings, model, own))
    return points


def _axes(name: str, kind: str, entries: Any) -> list[Axis]:
    axes = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"key", "values"} <= set(entry) <= {"key", "values", "along"}:
            raise UserError(f"study.{name}.{kind}: write each entry as {{key: KEY, values: [...]}}, not {entry}")
        if entry["key"] == "f_s":
            raise UserError(f"study.{name}.{kind}: every point scans f_s already; set f_s=[...] instead")
        axis = Axis(
            str(entry["key"]), as_list(entry["values"]), {k: as_list(v) for k, v in entry.get("along", {}).items()}
        )
        for key, values in axis.along.items():
            if len(values) != len(axis.values):
                raise UserError(f"study.{name}: {len(values)} values of {key} along {len(axis.values)} of {axis.key}")
        axes.append(axis)
    return axes


def _without_study(cfg: DictConfig, statistics: list[str], name: str) -> DictConfig:
    container: Any = OmegaConf.to_container(cfg, resolve=False)
    for statistic in statistics:
        if statistic not in container["statistic"]:
            known = ", ".join(container["statistic"])
            raise UserError(f"study.{name} asks for statistic {statistic!r}, which is not chosen; there are {known}")
    container["statistic"] = {statistic: container["statistic"][statistic] for statistic in statistics}
    return OmegaConf.create({key: value for key, value in container.items() if key not in STUDY_KEYS})


def _set(cfg: DictConfig, key: str, value: Any, study: str) -> None:
    if not _holds(cfg, key):
        near = nearest(key, _keys(OmegaConf.to_container(cfg, resolve=False)))
        raise UserError(f"study {study}: the configuration has no key '{key}': did you mean {near}?")
    OmegaConf.update(cfg, key, value, merge=False)


def _check_effect(study: str, cfg: DictConfig, keys: Collection[str | None]) -> None:
    """Raises UserError where a scanned key changes only a training, and these events need none."""
    if cfg.embedding is None and cfg.checkpoint is None:
        return
    source = "embedding" if cfg.embedding is not None else "checkpoint"
    useless = ("encoder.", "loss.", "trainer.", "dataset.label_noise", *(() if cfg[source] == "raw" else ("dataset.",)))
    for key in keys:
        if key is not None and key.startswith(useless):
            raise UserError(f"study {study} scans {key}, which does nothing to {source}={cfg[source]}; leave that out")


def _holds(cfg: DictConfig, key: str) -> bool:
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return isinstance(node, DictConfig) and last in node


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _check_plan(name: str, plan: Mapping[str, Any]) -> None:
    for key in plan:
        if key not in PLAN_KEYS:
            raise UserError(f"study.{name} has no key '{key}': did you mean {nearest(key, PLAN_KEYS)}?")
    if not {"key", "models"} <= set(plan.get("average") or {"key": None, "models": 1}):
        raise UserError(f"study.{name}.average: write it as {{key: KEY, models: N}}")
    for arm, how in (plan.get("arms") or {}).items():
        if not how.get("statistics"):
            raise UserError(f"study.{name}.arms.{arm}.statistics is empty: give at least one, as [nplm]")
    if not plan.get("arms"):
        raise UserError(f"study.{name}.arms is empty: give one, as {{embedding: {{statistics: [nplm]}}}}")


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if isinstance(value, ListConfig) else value
