"""Compare observed data with the background: which p, which Z, and which events say so.

The encoder is that of `train` with the same dataset. Null toys are drawn as the observed data were: of the same size,
or of sizes that fluctuate about the expected one. The report names every p: empirical with its binomial interval,
asymptotic, and beyond the reach of the toys that of a fitted tail.

Examples:
    autoscidact observe dataset=fourlepton observed=preselected_data_2012.csv
    autoscidact observe dataset=custom dataset.path=mc.csv dataset.label=kind dataset.signal=none observed=data.csv
    autoscidact observe dataset=digits observed=new.npy calibration=[toys,permutation]
    autoscidact observe embedding=mc.csv dataset.label=kind dataset.signal=none observed=data.csv
    autoscidact observe dataset=fourlepton observed=FILE 'control={m4l: [[110,118],[130,180]]}'
    autoscidact observe dataset=fourlepton observed=FILE 'systematics={rate: {scale: 0.2}}'
    autoscidact observe dataset=cifar10 dataset.signal=none observed=FOLDER subsamples=500 toys.n_data=1500
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from autoscidact.commands.candidates import Candidates, read_candidates
from autoscidact.commands.compute import choose_device, memory_budget, worker_count
from autoscidact.commands.configuration import as_list, plain, random_seed, record_yaml, run_folder
from autoscidact.commands.dataset import dataset_name
from autoscidact.commands.events import embedded_events
from autoscidact.commands.observation_report import write_report
from autoscidact.commands.observed_region import Task, Tested, test_region
from autoscidact.commands.observed_sample import Sample, read_sample
from autoscidact.commands.observed_sizes import observed_sizes
from autoscidact.commands.pseudo_experiments import checked_toys
from autoscidact.commands.regions import in_region, in_words, region
from autoscidact.commands.subsamples import run_subsamples
from autoscidact.commands.systematics import sample_files, warn_of_idle_rates
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.files import array_hash, atomic_path, write_text
from autoscidact.provenance import record
from autoscidact.report.toys import write_toys
from autoscidact.statistics.resources import Resources

CALIBRATIONS = ("toys", "permutation")
MIN_CONTROL = 10
"""Observed events below which a control region says nothing."""


def run(cfg: DictConfig) -> Path:
    """Tests the observed data, writes observation.csv, events.csv and the report, and returns the run's folder."""
    config = plain(cfg)
    config["seed"] = random_seed(config)
    toys = checked_toys(config["toys"])
    device = choose_device(config["device"])
    workers = worker_count(config["threads"], device)
    resources = Resources(device, workers, memory_budget(toys["memory"]))
    selection, outside = region("select", config["select"]), region("control", config["control"])
    systematics = _mapping("systematics", config["systematics"])
    calibrations = _calibrations(config["calibration"])
    if systematics and "toys" not in calibrations:
        raise UserError("systematics enter null toys, and permutations are none: give calibration=[toys,permutation]")
    events = embedded_events(cfg, config, device, needs_signal=False)
    sample = read_sample(cfg, config, events, config["observed"], "observed")
    if config["subsamples"] is not None:
        return run_subsamples(cfg, config, toys, events, sample, resources)
    others = {
        key: read_sample(cfg, config, events, file, f"systematics.{key.replace(' ', '.')}_file")
        for key, file in sample_files(systematics).items()
    }

    candidates = read_candidates(cfg, config, events)

    def task(ranges: Mapping[str, list[tuple[float, float]]], statistics: tuple[str, ...], aside: bool) -> Task:
        chosen, data = _inside(events, ranges), _sample_inside(sample, ranges)
        if not len(data.events):
            raise UserError(f"{sample.source}: no observed event lies in {in_words(ranges)}")
        # Where no signal is expected there is none to ask for.
        asked = {**config, "f_s": None} if aside else config
        draws_toys = "toys" in calibrations
        sized, f_s = observed_sizes(asked, toys, chosen, len(data.events), any_reference=aside, draws_toys=draws_toys)
        return Task(
            events=chosen,
            sample=data,
            alternatives={key: _sample_inside(other, ranges) for key, other in others.items()},
            toys=sized,
            f_s=f_s,
            calibrations=calibrations,
            systematics=systematics,
            statistics=statistics,
        )

    names = tuple(config["statistic"])
    main = task(selection, names, aside=False)
    beside = None
    if outside:
        beside = task({**selection, **outside}, names[:1], aside=True)
        if (there := len(beside.sample.events)) < MIN_CONTROL:
            warnings.warn(
                f"control region left out: {in_words(outside)} holds {there} observed events and needs {MIN_CONTROL}",
                UserWarning,
                stacklevel=1,
            )
            beside = None
    warn_of_idle_rates(systematics, main.toys["poisson"])
    print(
        f"{len(main.sample.events)} observed events of {sample.source}, {main.toys['n_data']:.4g} expected; "
        f"device {device}, {workers} worker{'s' if workers > 1 else ''}"
    )
    found = test_region(cfg, config, main, resources, device, workers)
    control = None
    if beside is not None:
        print(f"control region: {len(beside.sample.events)} events, {beside.toys['n_data']:.4g} expected")
        # Of the tests that could be run.
        beside = replace(beside, statistics=tuple(found.values)[:1])
        control = beside, test_region(cfg, config, beside, resources, device, workers)

    folder = _folder(config, main, found, control, candidates)
    results = {
        "observed": {"file": str(sample.source), "events": len(main.sample.events)},
        "expected": main.toys["n_data"],
        "pools": found.pools.fingerprint,
        "definitions": found.definitions,
        "embedding": events.provenance,
        "resources": vars(resources),
    }
    with atomic_path(folder / "observation.csv") as temporary:
        found.table.to_csv(temporary, index=False)
    roles = {"signal": str(main.f_s)}
    write_toys(
        folder / "toys.parquet",
        {
            name: (names, {roles.get(key, key): t for key, t in of.items()})
            for name, (names, of) in found.values.items()
        },
    )
    write_text(folder / "config.yaml", record_yaml(cfg))
    write_text(folder / "run.json", record(config, results))
    write_report(folder, config, candidates, main, found, control, in_words(selection), in_words(outside))
    return folder


def _inside(events: EmbeddedEvents, ranges: Mapping[str, list[tuple[float, float]]]) -> EmbeddedEvents:
    return events.take(in_region(ranges, events.observers, len(events), "the dataset's events"))


def _sample_inside(sample: Sample, ranges: Mapping[str, list[tuple[float, float]]]) -> Sample:
    return sample.take(in_region(ranges, sample.events.observers, len(sample.events), str(sample.source)))


def _calibrations(value: Any) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(str(name) for name in as_list(value)))
    if not wanted or not set(wanted) <= set(CALIBRATIONS):
        raise UserError(f"calibration={value}: choose toys, permutation, or [toys,permutation]")
    return wanted


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{key}={value}: give NAME: {{...}}, as {key}={{rate: {{scale: 0.1}}}}")
    return dict(value)


def _folder(
    config: Mapping[str, Any],
    main: Task,
    found: Tested,
    control: tuple[Task, Tested] | None,
    candidates: Candidates | None,
) -> Path:
    key = {
        "statistic": found.definitions,
        "seed": config["seed"],
        "toys": vars(found.definition),
        "observed": _hash(main.sample),
        "drawn_from": found.drawn_from,
        "titles": [config["titles"], config["limits"]],
        "f_s": main.f_s,
        "calibration": main.calibrations,
        "systematics": main.systematics,
        "counts": [main.toys["n_null"], main.toys["n_signal"], main.toys["n_permutations"]],
        "alternatives": {name: _hash(other) for name, other in main.alternatives.items()},
        "control": None if control is None else [control[1].drawn_from, _hash(control[0].sample)],
        "candidates": None if candidates is None else [sorted(candidates.ids), vars(candidates) | {"ids": None}],
    }
    return run_folder(config["outputs"], "observe", dataset_name(config), key)


def _hash(sample: Sample) -> str:
    events = sample.events
    return array_hash(events.features[:], events.ids, *(events.observers[name] for name in sorted(events.observers)))
