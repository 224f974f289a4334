"""Recipes for code without async run, under the real frameworks they are for."""

import gc
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import polars as pl
import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from jupyter_client.manager import start_new_kernel

from benchmarks.servers.brokers import broker, missing
from benchmarks.servers.brokers import program as broker_program
from capillary_interactions import ClientConfig
from capillary_interactions.sandbox import SandboxProcess
from capillary_interactions.sync import InteractionsClient
from tests.docs.readme import BLOCKS, run, set_environment

from .clients import until
from .frameworks import gunicorn, program, write_module

MOBILES = [f"91973852{number:04}" for number in range(24)]
UNKNOWN = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}
_DJANGO = """
from django.conf import settings

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["shop"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
)

import django
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import JsonResponse
from django.urls import path

application = get_wsgi_application()

import views
from shop.models import Customer


def refresh(request):
    # What is not committed is seen by this thread's connection only.
    with transaction.atomic():
        Customer.objects.bulk_create(Customer(mobile=f"9197385226{n:02}") for n in range(20))
        views.refresh(Customer.objects.all())
        return JsonResponse({"found": Customer.objects.filter(ending="found").count()})


urlpatterns = [
    path("customers/<str:mobile>/interactions", views.interactions),
    path("refresh", refresh),
]
with connection.schema_editor() as editor:
    editor.create_model(Customer)
connection.close()
"""
_MODELS = """
from django.db import models


class Customer(models.Model):
    mobile = models.CharField(max_length=20)
    ending = models.CharField(max_length=20, null=True)
"""
_ASYNCHRONOUS_CELL = """
from capillary_interactions import InteractionsClient as AsyncClient

async with AsyncClient(ClientConfig.from_env()) as other:
    found = await other.lookup(Identifier.mobile("919738530002"))
assert [outcome.ending for outcome in client.stream([found.query])] == [found.ending]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A sandbox in another process, as the recipes block this one."""
    with SandboxProcess(unknown=0, messages=2, answers={"404": UNKNOWN}) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The same one, as if nothing had been asked, and the environment that names it."""
    server.reset_counts()
    set_environment(monkeypatch, server.base_url)
    return server


@pytest.mark.usefixtures("sandbox")
def test_looks_one_customer_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each message."""
    run("sync")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_shows_how_to_test() -> None:
    """The block passes its own assertions."""
    run("sync_testing")


def test_looks_many_up(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """A stream of rows, in several threads of one client, and a job of the same list."""
    source = tmp_path / "customers.csv"
    source.write_text("\n".join(["mobile", *MOBILES]), "utf-8")
    recipe = run("sync_many")
    with InteractionsClient(ClientConfig.from_env()) as client, ThreadPoolExecutor(3) as threads:
        take = partial(recipe["outcomes"], client)
        for outcomes in threads.map(lambda path: list(take(path)), [source] * 3):
            assert sorted(outcome.item["mobile"] for outcome in outcomes) == MOBILES
    assert recipe["run"](tmp_path).complete
    assert len(pl.read_parquet(tmp_path / "interactions.parquet")) == 2 * len(MOBILES)
    assert sandbox.counts().received >= len(MOBILES)


def _get(base_url: str, mobile: str) -> tuple[int, bytes]:
    try:
        with urlopen(f"{base_url}/customers/{mobile}/interactions", timeout=20) as response:  # noqa: S310 - loopback
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def _check(base_url: str, sandbox: SandboxProcess) -> None:
    """Check what an application answers, to many who ask at once."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(partial(_get, base_url), MOBILES))
    for mobile, (status, body) in zip(MOBILES, answers, strict=True):
        assert status == 200
        assert json.loads(body) == sandbox.expected(mobile)
    assert [_get(base_url, wrong)[0] for wrong in ("404", "%20", "n-a")] == [404, 422, 422]


@pytest.mark.parametrize(
    "workers",
    # gevent replaces threads, locks and sockets, here after the client was imported.
    [("--workers", "2", "--threads", "4"), ("--worker-class", "gevent")],
    ids=["threads", "gevent"],
)
def test_serves_flask_under_gunicorn(
    workers: tuple[str, ...], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """In workers that were forked after the client was made; they stop when asked to."""
    write_module(tmp_path, "app", "sync_flask")
    with gunicorn(tmp_path, "app:app", *workers) as (running, base_url):
        _check(base_url, sandbox)
        assert running.end() == 0
    assert "Traceback" not in running.log


def test_serves_django_under_gunicorn(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """A view, and a query set that is read and saved in a transaction of the request's thread."""
    write_module(tmp_path, "views", "sync_django")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "models.py").write_text(_MODELS, "utf-8")
    (tmp_path / "site_of_shop.py").write_text(_DJANGO, "utf-8")
    with gunicorn(tmp_path, "site_of_shop:application", "--threads", "4") as (running, base_url):
        _check(base_url, sandbox)
        with urlopen(f"{base_url}/refresh", timeout=20) as response:  # noqa: S310 - loopback
            assert json.loads(response.read()) == {"found": 20}
        assert running.end() == 0
    assert "Traceback" not in running.log


@pytest.mark.skipif(broker_program("redis") is None, reason=missing("redis"))
def test_serves_prefork_workers_of_celery(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Tasks of several processes; a time limit cancels a lookup, and the next task is served."""
    write_module(tmp_path, "tasks", "sync_celery")
    (tmp_path / "redis").mkdir()
    worker = ("celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2")
    quick = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    with broker("redis", tmp_path / "redis") as address:
        url = f"redis://{address}"
        with program(tmp_path, *worker, *quick, REDIS_URL=url) as running:
            ask = partial(_asked_celery, url)
            expected = [sandbox.expected(mobile) for mobile in MOBILES]
            assert [result["answer"] for result in ask(MOBILES)] == expected
            sandbox.change(latency=60.0)
            (late,) = ask(["919738530000"], soft_time_limit=0.1)
            assert isinstance(late, SoftTimeLimitExceeded)
            sandbox.change(latency=0.0)
            assert {result["outcome"] for result in ask(MOBILES[:4])} == {"found"}
            assert running.end() == 0


def _asked_celery(url: str, mobiles: list[str], **options: float) -> list[Any]:
    """What tasks return, or the errors that they raise."""
    with Celery(broker=url, backend=url) as app:
        sent = [app.send_task("tasks.look_up", (mobile,), **options) for mobile in mobiles]
        results = [result.get(timeout=20, propagate=False) for result in sent]
        # Now: as they are collected they ask for a broker, which is gone by then.
        del sent
        gc.collect()
    return results


def test_runs_in_a_notebook(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real kernel, whose event loop runs: a cell, an interrupted one, and one with `await`."""
    # Nothing of the user's own notebooks.
    for variable in ("HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    manager, kernel = start_new_kernel()
    shown: list[Any] = []

    def run_cell(code: str) -> str:
        reply = kernel.execute_interactive(code, timeout=20, output_hook=shown.append)
        return str(reply["content"]["status"])

    try:
        assert run_cell(BLOCKS["sync_jupyter"]) == "ok"
        assert "CustomerInteractions(" in str(shown)
        sandbox.change(latency=60.0)
        received = sandbox.counts().received
        code = "client.lookup(Identifier.mobile('919738530000'))"
        waiting = kernel.execute(code, reply=False, stop_on_error=False)
        until(lambda: sandbox.counts().received > received)
        manager.interrupt_kernel()
        reply = kernel._recv_reply(waiting, timeout=20)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        sandbox.change(latency=0.0)
        assert run_cell("assert client.lookup(Identifier.mobile('919738530001')).unwrap()") == "ok"
        assert run_cell(_ASYNCHRONOUS_CELL) == "ok"
    finally:
        sandbox.change(latency=0.0)
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
