"""`python -m capillary_interactions`: the same as the command `capillary-interactions`."""

import sys

from capillary_interactions.cli import main

if __name__ == "__main__":
    sys.exit(main())
