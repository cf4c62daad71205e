"""Train the contrastive embedding of a dataset, without its signal class.

dataset.ideal_supervised=true trains with the signal in, for the comparison of that name in
`discover`; no other statistic takes such an embedding. A finished training is reused: the same
command does nothing a second time. An interrupted one resumes.

Examples:
    autoscidact train dataset=digits
    autoscidact train dataset=synthetic encoder.dim=8 seed=3
    autoscidact train dataset=custom dataset.path=events.csv dataset.label=class dataset.signal=new
    autoscidact train -m dataset=synthetic,digits seed=0,1,2
    autoscidact train dataset=synthetic dataset.ideal_supervised=true
"""

import json
import os
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from autoscidact.commands.compute import choose_device, use_threads
from autoscidact.commands.configuration import plain, random_seed, record_yaml, switch
from autoscidact.commands.dataset import load_dataset
from autoscidact.commands.embed import about, chosen_rows
from autoscidact.commands.sight import sight
from autoscidact.commands.trained import CHECKPOINT, EMBEDDING, training_folder
from autoscidact.data.contract import SPLITS, Dataset
from autoscidact.data.label_noise import mislabel
from autoscidact.embedding.checkpoint import check_matches
from autoscidact.embedding.embed_files import embed_to_file
from autoscidact.embedding.probe import linear_probe, probe_sentence
from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings
from autoscidact.embedding.table import read_embedding
from autoscidact.errors import UserError
from autoscidact.files import make_folder, write_text
from autoscidact.provenance import record


def run(cfg: DictConfig) -> Path:
    """Trains, embeds every event of the dataset, and returns the training's folder."""
    config = plain(cfg)
    config["seed"] = random_seed(config)
    device = choose_device(config["device"])
    use_threads(config["threads"])
    folder = make_folder(training_folder(config))
    dataset = load_dataset(cfg)
    seen = sight(config, device)
    ideal = switch("dataset.ideal_supervised", config["dataset"]["ideal_supervised"])
    checkpoint = folder / CHECKPOINT
    several = config["trainer"]["devices"] not in (1, "1", "auto") or config["trainer"]["num_nodes"] != 1
    if several and not {"LOCAL_RANK", "SLURM_PROCID"} & set(os.environ):
        raise UserError(
            f"trainer.devices={config['trainer']['devices']}, trainer.num_nodes={config['trainer']['num_nodes']}: "
            "start one process a device, as with torchrun or srun; this command starts only one"
        )
    if not checkpoint.is_file():
        noise = config["dataset"]["label_noise"]
        train_split, val_split = (
            mislabel(dataset.subset(name, "all" if ideal else "background"), noise, config["seed"])
            for name in SPLITS[:2]
        )
        say(
            f"{dataset.name}: {len(train_split)} training and {len(val_split)} validation events of "
            f"{len(dataset.events.classes) - (dataset.signal_label >= 0)} background classes, "
            + _about_signal(dataset, ideal)
        )
        if config["loss"]["name"] == "simclr" and config["loss"]["lambda_ce"] > 0:
            say("simclr needs no labels, but loss.lambda_ce > 0 uses them; loss.lambda_ce=0 is label-free")
        from autoscidact.embedding.training import train

        (train_split, val_split), views = seen.for_training((train_split, val_split), instantiate(cfg.loss.views))
        result = train(
            train_split,
            val_split,
            encoder=seen.spec,
            loss=LossSettings(**{**config["loss"], "views": views}),
            trainer=TrainerSettings(**config["trainer"]),
            folder=folder,
            seed=config["seed"],
            signal=None if dataset.signal_label < 0 else dataset.signal,
            dataset_name=dataset.name,
            dataset_fingerprint=dataset.fingerprint,
            logger=LoggerSettings(**config["logger"]),
            ideal_supervised=ideal,
        )
        waited = f", {100 * result.waited:.1f} % of it waiting for events from disk" if result.waited else ""
        say(f"trained in {result.seconds:.1f} s{waited}, best epoch {result.best_epoch}")
    else:
        print(f"this training is finished already: {checkpoint}")
    if not is_first_process():
        return folder
    trained = seen.load(checkpoint)
    check_matches(trained, dataset, config["encoder"]["dim"])
    if not (folder / EMBEDDING).is_file():
        rows = chosen_rows(dataset, config)
        embed_to_file(trained, seen.of_dataset(dataset), folder / EMBEDDING, rows, device)
        found = linear_probe(read_embedding(folder / EMBEDDING), config["seed"])
        probe = {} if found is None else {"linear_probe": {"accuracy": found[0], "chance": found[1]}}
        if found is not None:
            print(probe_sentence(found))
        write_text(folder / "config.yaml", record_yaml(cfg))
        write_text(folder / "run.json", record(json.loads(json.dumps(config)), about(dataset, trained, rows) | probe))
    print(f"  {checkpoint}\n  {folder / EMBEDDING}")
    return folder


def _about_signal(dataset: Dataset, ideal: bool) -> str:
    if dataset.signal_label < 0:
        return "no signal class"
    return f"signal {dataset.signal} " + ("IN THE TRAINING (ideal supervised)" if ideal else "held out")


def say(text: str) -> None:
    """Prints a line once, however many processes there are."""
    if is_first_process():
        print(text)


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the first of several."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0
