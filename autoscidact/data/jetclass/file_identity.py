"""What tells one file of jets from another, whatever it is called."""

import hashlib
from pathlib import Path

import numpy as np

from autoscidact.data.jetclass.layout import OBSERVERS, TREE
from autoscidact.data.jetclass.root_files import BadFile
from autoscidact.files import sha256_of

_RECIPE = "recipe"
"""Beside the tree, in files of generated jets alone (see `write_jets`)."""


def content_sha256(path: Path) -> str:
    """Hex digest of a ROOT file's bytes; of generated jets, one of their recipe and observers.

    ROOT files hold the time they were written at, so jets that are generated again for the same seed come in other
    bytes. They must keep their ids, and their shards.

    Raises:
        BadFile: the file is damaged.
    """
    import uproot

    try:
        with uproot.open(path) as file:
            if _RECIPE not in file:
                return sha256_of(path)
            digest = hashlib.sha256(str(file[_RECIPE]).encode())
            for name in OBSERVERS:
                values = file[TREE][name].array(library="np")
                digest.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
            return digest.hexdigest()
    except Exception as error:  # a damaged file fails anywhere in the reader, with whatever its bytes lead to
        raise BadFile(f"{path}: cut short or damaged ({type(error).__name__}); get it again") from error
