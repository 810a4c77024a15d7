"""`python -m taskyard`."""

import sys

try:
    from taskyard.cli import main
except KeyboardInterrupt:  # once they are here, they say so themselves
    sys.stderr.write("stopped\n")
    raise SystemExit(130) from None

main()
