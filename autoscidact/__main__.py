"""`python -m autoscidact` is `autoscidact`."""

import sys

from autoscidact.cli import main

if __name__ == "__main__":
    sys.exit(main())
