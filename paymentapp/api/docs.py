"""The OpenAPI document and its Swagger UI page, which loads nothing from another server."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, send_from_directory

from paymentapp.api.blueprint import public
from paymentapp.api.openapi import TITLE, DocumentedApi

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# URLs are relative, so that the page also works below the stage path of an API gateway.
PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""
ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})


def register_docs(app: Flask, api: DocumentedApi) -> None:
    """Serve the document at /openapi.json and the page at /docs, to which / leads."""
    blueprint = Blueprint("docs", __name__)

    @cache
    def text() -> str:
        return current_app.json.dumps(api.document())

    @blueprint.get("/")
    @public
    def root() -> Response:
        return Response(status=302, headers={"Location": "docs"})

    @blueprint.get("/openapi.json")
    @public
    def document() -> Response:
        return Response(text(), mimetype="application/json")

    @blueprint.get("/docs")
    @public
    def page() -> Response:
        return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": POLICY})

    @blueprint.get("/docs/<name>")
    @public
    def asset(name: str) -> Response:
        if name == "start.js":
            return Response(START, mimetype="text/javascript")
        if name not in ASSETS:
            abort(404)
        return send_from_directory(Path(str(files("flask_swagger_ui"))) / "dist", name)

    app.register_blueprint(blueprint)
