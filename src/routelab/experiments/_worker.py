"""The process of one unit: `python -m routelab.experiments._worker E1 full topk 0 runs`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from routelab._errors import LabError


def main(arguments: list[str]) -> int:
    """Run the unit; 0 if its file is there, 1 with a line that says why not, 130 if it was interrupted."""
    from routelab.experiments._registry import plan_of
    from routelab.experiments.unit import run_unit

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop: save a checkpoint, as at Ctrl-C
    experiment, size, arm, seed, out = arguments
    try:
        unit = plan_of(experiment, size).unit(arm, int(seed))
        run_unit(unit, Path(out), lambda line: print(line, flush=True))
    except LabError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        print("stopped; it goes on from its checkpoint", flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
