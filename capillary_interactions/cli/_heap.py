"""Where does the memory for the next answer come from? From what the last ones have left.

asyncio takes 256 KiB for each read from a socket and gives most of it back at once. The C library
has the system map so much anew every time, and unmap it, until a program has once let go of a
larger block; then it keeps what it is given back, up to twice that size (glibc, mallopt(3),
"M_MMAP_THRESHOLD"). Whether that happens, and how soon, is chance; until then each answer takes
two page faults more.
"""

from typing import Final

_BLOCK: Final = 8 << 20


def keep_freed_memory() -> None:
    """Let go of a block of 8 MiB, which is never written to and so never there.

    It is a setting of the process, so it is the program's to make and not the library's. Other C
    libraries than glibc take no notice.
    """
    block = bytes(_BLOCK)
    del block
