"""Generated answers: JSON of any type, flat answers, and stories for all three generations."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from capillary_interactions._json.dates import format_day_first, format_iso

Json = dict[str, Any]

SMALL: Final = 3
LETTERS: Final = st.text('abcXYZ 0189.,-@é€\n"\\', max_size=8)
NUMBERS: Final = st.integers(-(2**63), 2**64 - 1)
FLOATS: Final = st.floats(allow_nan=False, allow_infinity=False)
# The words of both shapes, so that arbitrary JSON is often nearly an answer.
WORDS: Final = st.sampled_from(
    (
        *("response", "status", "success", "code", "response_code", "message", "errors"),
        *("customer", "item_status", "interactions", "network", "interaction"),
        *("name", "count", "type", "messages", "messageList", "id", "sentDate", "sent_time"),
        *("surveys", "survey", "locs", "loc", "reciever", "receiver", "warnings", "truncated"),
        *("usedStatus", "used_status"),
    )
)
SCALARS: Final = (
    st.none()
    | st.booleans()
    | NUMBERS
    | FLOATS
    | LETTERS
    | st.sampled_from(["true", "false", "null", "", "200", "1012", "429", "500", "-1", "²"])
    | st.sampled_from([200, 1000, 1012, 401, 403, 429, 500, 9999])
)
JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=SMALL) | st.dictionaries(WORDS | LETTERS, inner, max_size=4)
    ),
    max_leaves=12,
)
MOMENTS: Final = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
# Two letters, so that no name is one of the server's.
UNKNOWN: Final = st.dictionaries(st.text("qwy", min_size=2, max_size=2), JSON, max_size=2)


def _sent(required: Mapping[str, st.SearchStrategy[Any]], **optional: Any) -> Any:
    """Objects as a server sends them: fields left out, null, unknown ones, in any order."""
    fields = {name: st.none() | values for name, values in optional.items()}
    known = st.fixed_dictionaries(dict(required), optional=fields)
    return st.tuples(known, UNKNOWN).map(lambda parts: parts[0] | parts[1]).flatmap(_shuffled)


def _shuffled(sent: Json) -> st.SearchStrategy[Json]:
    return st.permutations(list(sent.items())).map(dict)


INTEGERS: Final = NUMBERS | NUMBERS.map(str) | st.just(-1)
DATES: Final = (
    MOMENTS.map(format_day_first)
    | MOMENTS.map(format_iso)
    | LETTERS
    | st.just("45837-06-15 02:56:40")
)
FLAT_MESSAGES: Final = _sent(
    {},
    id=INTEGERS,
    receiver=LETTERS,
    subject=LETTERS,
    campaignId=INTEGERS,
    status=LETTERS,
    sentDate=DATES,
    deliveredTime=DATES,
    userId=INTEGERS,
)
FLAT_INTERACTIONS: Final = _sent(
    {"name": LETTERS, "count": INTEGERS},
    messageList=st.lists(FLAT_MESSAGES, max_size=SMALL),
    surveys=st.lists(_sent({}, name=LETTERS, npsScore=INTEGERS, sentTime=DATES), max_size=2),
    locations=st.lists(_sent({}, lat=FLOATS, long=FLOATS, time=DATES), max_size=2),
    usedStatus=st.booleans(),
    network=st.sampled_from(["capillary", "twitter", "other"]),
    lastInteractionTime=DATES,
)
FLAT_ANSWERS: Final[st.SearchStrategy[Json]] = _sent(
    {"interaction": st.lists(FLAT_INTERACTIONS, max_size=SMALL)},
    name=LETTERS | st.sampled_from(["capillary", "facebook"]),
    warnings=st.lists(JSON, max_size=2),
    customer=_sent({}, id=INTEGERS, mobile=LETTERS, email=LETTERS, externalId=LETTERS),
)


def _given(**fields: Any) -> st.SearchStrategy[Json]:
    """Fields in the model's own words, each of which may not be given."""
    return st.fixed_dictionaries({}, optional=fields)


# Nothing in a story means nothing: "", "null" and -1 have a table of their own.
PLAIN: Final = st.text("abcXYZ019.@é-", min_size=1, max_size=8).filter(lambda text: text != "null")
IDS: Final = st.integers(0, 2**63 - 1)
DEGREES: Final = st.integers(-900_000, 900_000).map(lambda number: number / 10_000)
STORY_MESSAGES: Final = _given(
    id=IDS,
    receiver=PLAIN,
    sender=PLAIN,
    subject=PLAIN,
    campaign=IDS,
    status=PLAIN,
    sent=MOMENTS,
    delivered=MOMENTS,
    user=IDS,
)
STORY_INTERACTIONS: Final = st.fixed_dictionaries(
    {
        "name": PLAIN,
        "count": IDS,
        "messages": st.lists(STORY_MESSAGES, max_size=SMALL),
        "surveys": st.lists(
            _given(name=PLAIN, score=IDS, by=PLAIN, url=PLAIN, sent=MOMENTS, completed=MOMENTS),
            max_size=2,
        ),
        "locations": st.lists(_given(lat=DEGREES, long=DEGREES, time=MOMENTS), max_size=2),
    },
    optional={"used": st.booleans(), "last": MOMENTS},
)
# A customer's history, in no shape yet: networks, each with its interactions.
STORIES: Final[st.SearchStrategy[Json]] = st.fixed_dictionaries(
    {
        "customer": _given(id=IDS, mobile=PLAIN, email=PLAIN, external=PLAIN),
        "networks": st.lists(
            st.tuples(PLAIN, st.lists(STORY_INTERACTIONS, min_size=1, max_size=2)), max_size=2
        ),
    }
)
