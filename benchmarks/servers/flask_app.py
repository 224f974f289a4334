"""Flask-Limiter behind gunicorn, each rule under a path of its own; settings from the environment.

Runs in an environment of its own, which has Flask and not this package.
"""

import json
import os
from typing import Any

from flask import Flask, Response
from flask_limiter import Limiter

_SETTINGS = json.loads(os.environ["RULES"])


def create() -> Flask:
    """The application."""
    app = Flask(__name__)
    limiter = Limiter(
        lambda: "till",
        app=app,
        storage_uri="memory://",
        strategy=_SETTINGS["strategy"],
        headers_enabled=_SETTINGS["headers"],
    )
    for name, quotas in _SETTINGS["rules"].items():
        limits = ";".join(f"{limit} per {per} second" for limit, per in quotas)
        app.add_url_rule(
            f"/{name}/<path:rest>", name, limiter.limit(limits)(_view(name)), methods=["GET"]
        )
    return app


def _view(name: str) -> Any:
    def view(rest: str) -> Response:  # noqa: ARG001 - of the route
        return Response(_SETTINGS["answer"], mimetype="application/json")

    view.__name__ = name
    return view
