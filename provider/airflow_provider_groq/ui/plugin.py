"""`GroqPlugin`: what Airflow loads to have the page.

Every process of Airflow loads plugins, those of tasks too. So nothing is imported before the API server asks.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

try:  # here rather than in `compat`, which takes a task's process 9 ms
    from airflow.sdk.plugins_manager import AirflowPlugin
except ImportError:  # 3.0 and 3.1
    from airflow.plugins_manager import AirflowPlugin  # type: ignore[assignment]  # the same

log = logging.getLogger(__name__)

NAME = "Groq batches"
PREFIX = "/groq"
"""Where the page's files and its API are, below Airflow's address."""


class GroqPlugin(AirflowPlugin):
    """The page "Groq batches" in the menu Browse."""

    name = "groq_batches"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow only reads it
        """The page's files and its API; none before Airflow 3.1.1."""
        try:
            from airflow_provider_groq.compat import takes_pages  # noqa: PLC0415 - in the API server only

            if not takes_pages():
                return []
            from airflow_provider_groq.ui.app import create_app  # noqa: PLC0415 - likewise, and it takes a second

            return [{"app": create_app(), "url_prefix": PREFIX, "name": NAME}]
        except Exception:  # what is raised here would keep Airflow's API server from starting
            log.exception("The page %r was not added.", NAME)
            return []

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow only reads it
        """The entry of the menu; none where there is no API behind it."""
        if not self.fastapi_apps:
            return []
        from urllib.parse import urlsplit  # noqa: PLC0415 - in the API server only

        from airflow_provider_groq.compat import conf  # noqa: PLC0415 - likewise

        # 3.1 and 3.2 take an address relative to the page that is open.
        files = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + f"{PREFIX}/static"
        return [
            {
                "name": NAME,
                "bundle_url": f"{files}/batches.js",
                "destination": "nav",
                "category": "browse",
                "url_route": "groq-batches",
                "icon": f"{files}/icon-light.svg",
                "icon_dark_mode": f"{files}/icon-dark.svg",
            }
        ]
