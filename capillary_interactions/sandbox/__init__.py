"""A real HTTP server that behaves like Capillary's API, for tests, trials and benchmarks.

It runs on a loopback port, in this process (`Sandbox`) or in another one (`SandboxProcess`).
It is made from the vendor's pages alone, and never uses the client's own reading of an answer.
"""

from capillary_interactions.sandbox._counters import Counts
from capillary_interactions.sandbox._faults import FAULTS, MIXED_FAULTS, Fault
from capillary_interactions.sandbox._process import SandboxProcess
from capillary_interactions.sandbox._server import Sandbox

__all__ = ["FAULTS", "MIXED_FAULTS", "Counts", "Fault", "Sandbox", "SandboxProcess"]
