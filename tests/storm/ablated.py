"""A program of the service without one of its guards: `python -m tests.storm.ablated GUARD MODULE WORDS...`."""

import runpy
import sys

from tests.storm.guards import GUARDS

if __name__ == "__main__":
    guard, module, *words = sys.argv[1:]
    GUARDS[guard]()
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
