"""JupyterLab, which ends as soon as it has shut down: `python -m taskyard.learner.server`."""

import os
import sys

from jupyterlab.labapp import main

if __name__ == "__main__":
    main()
    # It has ended its kernels by now. Python would wait for its threads as well, and one that was
    # at work when Ctrl-C was pressed never ends:
    # https://github.com/jupyterlab/jupyterlab/issues/10442
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
