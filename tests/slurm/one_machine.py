"""SLURM with accounting on this machine: daemons of our own on loopback, in a folder of their own."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROGRAMS = ("munged", "mariadb-install-db", "mariadbd", "slurmdbd", "sacctmgr", "slurmctld", "slurmd", "sbatch", "srun")
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_SECONDS = 120

SLURM = """\
ClusterName=probe
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={ctld}
SlurmdPort={slurmd}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge.socket
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MinJobAge=300
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""

SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StorageLoc=slurm_acct_db
StoragePass={password}
"""

# One statement a line: the database server reads it so.
USERS = """\
CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';
"""


def why_not() -> str:
    """Why SLURM cannot be started here; empty where it can."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=_PATH) is None]
    if missing:
        return (
            f"no {', '.join(missing)}: apt-get install --no-install-recommends slurm-wlm slurmdbd munge mariadb-server"
        )
    return "" if os.geteuid() == 0 else "SLURM's daemons start jobs as root, and this is another user"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Starts SLURM and stops it in the end, with every job.

    Args:
        folder: empty, with a short path: it holds sockets.

    Yields:
        The environment in which its commands work.
    """
    ports = dict(zip(("ctld", "slurmd", "dbd", "database"), _free_ports(4), strict=True))
    values = {"folder": folder, "host": socket.gethostname().partition(".")[0], "password": secrets.token_hex(16)}
    cpus = min(2, len(os.sched_getaffinity(0)))
    for name, text in (("slurm.conf", SLURM), ("slurmdbd.conf", SLURMDBD)):
        _secret(folder / name, text.format(**values, **ports, cpus=cpus).encode())
    _secret(folder / "munge.key", secrets.token_bytes(64))
    _secret(folder / "users.sql", USERS.format(**values).encode())
    for name in ("state", "spool", "database"):
        (folder / name).mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    environment = {**inherited, "PATH": _PATH, "SLURM_CONF": str(folder / "slurm.conf")}

    def command(*words: str) -> str:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=_SECONDS)
        return done.stdout.strip() if done.returncode == 0 else ""

    with contextlib.ExitStack() as stack:

        def daemon(*words: str) -> None:
            stack.enter_context(_process(folder / f"{words[0]}.log", words, environment))

        # --force: the folder may be closed to other users, who are not meant to reach this socket.
        files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed", "log")]
        daemon("munged", "--foreground", "--force", *files, f"--socket={folder}/munge.socket")
        data = ("--no-defaults", f"--datadir={folder}/database", "--user=root")
        command("mariadb-install-db", *data, "--skip-test-db")
        files = [f"--{name}={folder}/database.{name}" for name in ("socket", "pid-file")]
        listen = ("--bind-address=127.0.0.1", "--skip-name-resolve", f"--port={ports['database']}")
        daemon("mariadbd", *data, *files, *listen, f"--init-file={folder}/users.sql")
        _wait(lambda: _listens(ports["database"]), "mariadbd", folder)
        daemon("slurmdbd", "-D")
        _wait(lambda: "probe" in command("sacctmgr", "-i", "add", "cluster", "probe"), "slurmdbd", folder)
        daemon("slurmctld", "-D", "-c")
        daemon("slurmd", "-D")
        stack.callback(_end_jobs, command)
        _wait(lambda: command("sinfo", "--noheader", "--format=%T") == "idle", "slurmd", folder)
        yield environment


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


@contextlib.contextmanager
def _process(log: Path, words: tuple[str, ...], environment: dict[str, str]) -> Iterator[None]:
    # A test run that is killed takes its daemons with it.
    guarded = ["setpriv", "--pdeathsig", "TERM", *words]
    with log.open("wb") as file:
        process = subprocess.Popen(guarded, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_jobs(command: Callable[..., str]) -> None:
    command("scancel", "--full", "--user=root")
    deadline = time.monotonic() + 20
    while command("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.2)


def _wait(ready: Callable[[], bool], name: str, folder: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while not ready():
        if time.monotonic() > deadline:
            log = (folder / f"{name}.log").read_text(errors="replace")
            raise RuntimeError(f"{name} did not start within {_SECONDS} s:\n{log[-3000:]}")
        time.sleep(0.2)
