"""Runs one `discover` in forked children that are killed with SIGKILL at random moments, until one finishes.

    python kill_driver.py KILLS LONGEST_DELAY SEED ARGUMENT...

Forked, so that a child spends its time on toys and not on imports. Prints how many were killed in the act.
"""

import os
import random
import signal
import sys
import time

import autoscidact.commands.discover  # noqa: F401 - what the children share
from autoscidact.cli import main


def child(arguments: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(main(arguments))
    return pid


if __name__ == "__main__":
    kills, longest, seed = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    moments = random.Random(seed)
    killed = 0
    while killed < kills:
        pid = child(sys.argv[4:])
        time.sleep(moments.uniform(0.05, longest))
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        killed += 1
    # Flushed before the next fork, which would inherit the buffer and print it again.
    print(f"killed {killed}", flush=True)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child(sys.argv[4:]), 0)[1]))
