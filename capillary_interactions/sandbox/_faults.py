"""Which ways of misbehaving exist, and whose turn is it?

How each one looks on the wire is the question of `_replies.py` and `_cuts.py`.
"""

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen


@frozen
class Fault:
    """One way in which the sandbox can fail a request.

    Attributes:
        name: What `faults`, `script` and `inject` call it.
        description: What a caller meets, in one line.
    """

    name: str
    description: str


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        name: Fault(name, description)
        for name, description in (
            ("error_500", "500 with a JSON error"),
            ("html_502", "502 with a proxy's HTML page"),
            ("error_503", "503 with a JSON error and no Retry-After"),
            ("error_503_retry_after", "503 with Retry-After (`fault_retry_after` seconds)"),
            (
                "throttle_429",
                "429 with Retry-After (`retry_after`, else 1), although the quota is not used up",
            ),
            ("throttle_429_bare", "429 without Retry-After, although the quota is not used up"),
            ("reset_before", "connection reset before the first byte"),
            ("reset_mid_body", "head and half the body, then a connection reset"),
            ("truncated", "half the body that Content-Length promises, then an orderly close"),
            ("malformed_json", "200 with JSON that breaks off"),
            ("html_200", "200 with a proxy's HTML page"),
            ("slow_body", "the whole answer, in pieces over `slow_body` seconds"),
            ("hang", "no answer, until the caller or the sandbox gives up"),
            ("wrong_types", "200 with every count a word"),
            ("empty_200", "200 without a body"),
            ("unknown_fields", "the right answer, with a new field at each level"),
            ("error_in_200", "200 whose body says that the request failed with 500"),
            ("cut_chunked", "a chunked answer closed after its first chunk"),
        )
    }
)

MIXED_FAULTS: Final = (
    "error_500",
    "html_502",
    "error_503_retry_after",
    "reset_before",
    "reset_mid_body",
    "truncated",
    "malformed_json",
    "html_200",
    "error_in_200",
)
"""What a plain probability mixes: the faults after which asking again is right."""


def check_name(name: str) -> str:
    """The name of a fault, if it is one.

    Raises:
        ValueError: It is none; the message names them all.
    """
    if name not in FAULTS:
        raise ValueError(f"a fault must be one of {', '.join(FAULTS)}, not {name!r}")
    return name


def to_faults(value: float | Mapping[str, float]) -> float | Mapping[str, float]:
    """A probability, or one for each fault, checked.

    Raises:
        ValueError: A name is unknown, or the probabilities leave 0 to 1.
    """
    chances = dict(value) if isinstance(value, Mapping) else {"": value}
    if isinstance(value, Mapping):
        for name in chances:
            check_name(name)
    # A sum such as ten times 0.1 may miss 1 by a rounding error.
    if not all(chance >= 0 for chance in chances.values()) or not sum(chances.values()) < 1 + 1e-9:
        raise ValueError(f"faults must be probabilities from 0 to 1 in all, not {value!r}")
    return MappingProxyType(chances) if isinstance(value, Mapping) else value


def pick_fault(faults: float | Mapping[str, float], dice: random.Random) -> str | None:
    """The fault that a throw of the dice picks, or None for good behaviour."""
    if not faults:
        return None
    roll = dice.random()
    if not isinstance(faults, Mapping):
        return dice.choice(MIXED_FAULTS) if roll < faults else None
    for name, chance in faults.items():
        roll -= chance
        if roll < 0:
            return name
    return None
