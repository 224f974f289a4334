"""Where the memory for answers comes from while a command runs."""

import platform
import subprocess
import sys

import pytest

ROUNDS = 300
# As asyncio reads: 256 KiB, most of which is given back, and the rest soon after.
READING = f"""
import resource
from capillary_interactions.cli._runtime import run_async

async def read():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        taken = bytearray(1 << 18)
        del taken[1000:]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(run_async(read()))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_reads_again_and_again_into_the_same_memory_during_a_command() -> None:
    """Or the system would have to find at least a page for each read."""
    ran = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", READING], check=True, stdout=subprocess.PIPE
    )

    assert int(ran.stdout) < ROUNDS / 2
