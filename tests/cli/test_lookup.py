"""The command `lookup`."""

from pathlib import Path

import orjson

from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import invoke, on_terminal
from .terminal import shown

_WHO = "919738522695"
_SAMPLES = Path(__file__).parents[1] / "samples"


def test_gives_json_where_standard_output_is_no_terminal() -> None:
    """One document, to be piped on, and no word beside it."""
    ran = invoke("lookup", "mobile", _WHO, "--sandbox")

    written = orjson.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert written["outcome"] == "found"
    assert written["query"] == {"identifierName": "mobile", "identifierValue": _WHO}
    assert written["answer"]["name"] == "capillary"
    assert ran.out.count("\n") == 1


def test_asks_the_server_that_the_environment_names(
    server: SandboxProcess, settings: dict[str, str]
) -> None:
    """The documented answer comes back as it was sent."""
    documented = orjson.loads((_SAMPLES / "documented.json").read_bytes())
    server.change(answers={_WHO: documented})

    ran = invoke("lookup", "mobile", _WHO, "--type", "EMAIL", env=settings)

    written = orjson.loads(ran.out)
    assert ran.code == 0
    assert written["answer"] == documented
    assert written["query"]["type"] == "email"


def test_sends_a_type_that_the_library_does_not_know(
    server: SandboxProcess, settings: dict[str, str]
) -> None:
    """Where it is said to be meant; a known one by that option is the known one."""
    ran = invoke("lookup", "mobile", _WHO, "--custom-type", "sms", env=settings)
    known = invoke("lookup", "mobile", _WHO, "--custom-type", "email", env=settings)

    assert (ran.code, known.code) == (0, 0)
    assert orjson.loads(ran.out)["query"]["type"] == "sms"
    assert [each["name"] for each in orjson.loads(ran.out)["answer"]["interaction"]] == ["sms"]
    assert orjson.loads(known.out)["query"]["type"] == "email"


def test_masks_codes_in_json_if_asked_to(server: SandboxProcess, settings: dict[str, str]) -> None:
    """The same answer, but for what may be a code."""
    message = {"id": 1, "subject": "482913 is your code"}
    answer = {"interaction": [{"name": "sms", "count": 1, "messageList": [message]}]}
    server.change(answers={_WHO: answer})

    plain = invoke("lookup", "mobile", _WHO, "--json", env=settings)
    safe = invoke("lookup", "mobile", _WHO, "--json", "--mask-codes", env=settings)

    assert "482913 is your code" in plain.out
    assert "****** is your code" in safe.out


@table(
    ("answer", "code", "outcome", "message"),
    [
        (
            {"errors": [{"status": False, "code": 8015, "message": "no"}]},
            0,
            "not_found",
            "not found",
        ),
        ({"errors": [{"status": False, "code": 1104, "message": "no"}]}, 1, "rejected", "rejected"),
        ({"interaction": [{"name": "sms"}]}, 1, "unreadable", "unreadable"),
        ((503, {}, b""), 1, "unavailable", "unavailable"),
    ],
)
def test_ends_by_its_outcome(
    *,
    server: SandboxProcess,
    settings: dict[str, str],
    answer: object,
    code: int,
    outcome: str,
    message: str,
) -> None:
    """JSON for the program, a line for the person, and an exit code for the shell."""
    server.change(answers={_WHO: answer})

    ran = invoke("lookup", "mobile", _WHO, env={**settings, "CAPILLARY_ATTEMPTS": "1"})

    assert ran.code == code
    assert orjson.loads(ran.out)["outcome"] == outcome
    assert ran.err.startswith(f"mobile 9*********95: {message}: ")
    assert ran.err.count("\n") == 1


def test_keeps_quiet_if_asked_to(server: SandboxProcess, settings: dict[str, str]) -> None:
    """What JSON says need not be said twice."""
    server.change(answers={_WHO: {"errors": [{"status": False, "code": 8015, "message": "no"}]}})

    assert invoke("lookup", "mobile", _WHO, "--quiet", env=settings).err == ""


def test_stops_when_the_credentials_are_refused(settings: dict[str, str]) -> None:
    """One line, which holds no secret."""
    ran = invoke("lookup", "mobile", _WHO, env={**settings, "CAPILLARY_PASSWORD": "hunter22"})

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: the credentials are refused: ")
    assert ran.err.count("\n") == 1
    assert "hunter22" not in ran.err


@table(
    ("arguments", "message"),
    [
        (("lookup", "mobile", "  "), "must not be blank"),
        (("lookup", "mobile", "91,92"), "must not hold a comma"),
        (("lookup", "card_number", "12345678", "--api", "v2"), "API v2 has no card_number"),
        (
            ("lookup", "mobile", _WHO, "--type", "like", "--network", "twitter"),
            "belongs to network",
        ),
        (("lookup", "mobile", _WHO, "--type", "nothing"), "is not one of"),
        (("lookup", "mobile", _WHO, "--custom-type", " "), "must not be blank"),
        (("lookup", "mobile", _WHO, "--type", "email", "--custom-type", "sms"), "contradict"),
        (("lookup", _WHO, "mobile"), "Invalid value for 'NAME'"),
        (("lookup", "mobile", _WHO, "X1"), "Too many arguments"),
        (("lookup", "mobile"), "Missing argument 'VALUE'"),
        (("lookup", "mobile", _WHO, "--base-url", "eu"), "contradict each other"),
    ],
)
def test_refuses_what_cannot_be_asked(arguments: tuple[str, ...], message: str) -> None:
    """One line that names what is wrong, and no customer."""
    ran = invoke(*arguments, "--sandbox")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert _WHO not in ran.err
    assert "X1" not in ran.err


def test_shows_a_table_on_a_terminal() -> None:
    """A person sees words, and no identifier."""
    ran = shown("lookup", "mobile", _WHO, "--sandbox")

    assert ran.code == 0
    assert "mobile 9*********95: found (1 request, " in ran.text
    assert _WHO not in ran.text
    assert "{" not in ran.text


def test_shows_json_on_a_terminal_if_asked_to() -> None:
    """Indented, for it is read."""
    ran = shown("lookup", "mobile", _WHO, "--sandbox", "--json")

    assert orjson.loads(ran.text)["outcome"] == "found"
    assert '\n  "query"' in ran.text


def test_asks_on_a_terminal_for_what_is_missing(settings: dict[str, str]) -> None:
    """The password is not shown while it is typed."""
    del settings["CAPILLARY_USERNAME"], settings["CAPILLARY_PASSWORD"]

    ran = on_terminal(
        "lookup",
        "mobile",
        _WHO,
        answers=(("User name:", "sandbox\n"), ("Password: ", "sandbox\n")),
        **settings,
    )

    assert ran.code == 0
    assert "found (1 request" in ran.out
    assert ran.out.count("sandbox") == 1


def test_ends_quietly_when_asked_to_stop_at_the_prompt(settings: dict[str, str]) -> None:
    """Ctrl-C at the password is no error."""
    del settings["CAPILLARY_PASSWORD"]

    ran = on_terminal("lookup", "mobile", _WHO, answers=(("Password:", "\x03"),), **settings)

    assert ran.code == 130
    assert "Traceback" not in ran.out


def test_says_that_its_output_has_no_room() -> None:
    """An answer that could not be written is no success."""
    with Path("/dev/full").open("wb") as full:
        ran = invoke("lookup", "mobile", _WHO, "--sandbox", stdout=full.fileno())

    assert ran.code == 3
    assert ran.err == "error: standard output cannot be written: No space left on device\n"
