"""The process behind `SandboxProcess`; people use `capillary-interactions sandbox`.

One line of JSON settings comes in, one line with the address goes out, and the end of the input
ends the process.
"""

import argparse
import asyncio
import signal
import sys

import orjson

from capillary_interactions.sandbox._server import Sandbox


async def _serve(line: bytes) -> None:
    async with Sandbox.from_json(orjson.loads(line)) as sandbox:
        sys.stdout.buffer.write(orjson.dumps({"base_url": sandbox.base_url}) + b"\n")
        sys.stdout.buffer.flush()
        # The owner's death closes the pipe as surely as its goodbye does.
        await asyncio.to_thread(sys.stdin.buffer.read)


def main() -> None:
    """Serve until the input ends."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    # Ctrl-C in a terminal reaches the whole group; the owner alone decides about this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve(sys.stdin.buffer.readline()))


if __name__ == "__main__":
    main()
