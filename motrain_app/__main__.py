"""``python -m motrain_app`` is the command ``motrain``."""

import sys

if __name__ == "__main__":  # a worker imports this module too, and needs nothing of the command
    from motrain_app.cli import main

    sys.exit(main())
