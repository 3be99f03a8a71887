"""What Airflow reads about this package, through the entry point ``apache_airflow_provider``."""

from __future__ import annotations

from typing import Any

INTEGRATION = "Groq"


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-groq",
        "name": "Groq",
        "description": "Groq's Batch API: files of language-model requests, completed in minutes to days.",
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://console.groq.com/docs/batch",
                "tags": ["ai", "service"],
            }
        ],
        "hooks": _modules("hooks.groq"),
        "operators": _modules("operators.batch", "operators.inference"),
        "sensors": _modules("sensors.batch"),
        "triggers": _modules("triggers.batch", "triggers.events"),
        "task-decorators": [
            {"name": "groq_batch", "class-name": "airflow_provider_groq.decorators.batch.groq_batch_task"}
        ],
        "config": {
            "groq": {
                "description": "Options of the Groq provider.",
                "options": {
                    "prices": {
                        "description": (
                            "Prices of a million tokens in a batch, by model, as JSON, in one currency. Jobs "
                            "report their cost and enforce max_cost with them."
                        ),
                        "version_added": None,
                        "type": "string",
                        "example": '{"openai/gpt-oss-20b": {"input": 0.0375, "output": 0.15}}',
                        "default": None,
                    }
                },
            }
        },
        "extra-links": ["airflow_provider_groq.links.batch.GroqBatchLink"],
        "asset-uris": [
            {
                "schemes": ["groq"],
                "handler": "airflow_provider_groq.assets.sanitize_uri",
                "factory": "airflow_provider_groq.assets.create_asset",
                "to_openlineage_converter": "airflow_provider_groq.assets.to_openlineage",
            }
        ],
        "connection-types": [
            {
                "connection-type": "groq",
                "hook-class-name": "airflow_provider_groq.hooks.groq.GroqHook",
                "hook-name": "Groq",
                "ui-field-behaviour": {
                    # The port is shown for the Test button alone, which Airflow refuses where none is saved.
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"password": "API Key", "host": "Base URL"},
                    "placeholders": {
                        "host": "https://api.groq.com",
                        "port": "0: the Test button fails without a number",
                    },
                },
                "conn-fields": {
                    "timeout": _field(
                        "Timeout (s)",
                        "number",
                        "Time limit for connecting, and for each pause in a transfer. 60 by default.",
                    ),
                    "max_retries": _field(
                        "Max retries",
                        "integer",
                        "Maximum retries of a request for transient errors. 5 by default.",
                    ),
                    "max_file_bytes": _field(
                        "Largest input file (bytes)",
                        "integer",
                        "Larger files are refused before the upload. 100,000,000 by default.",
                    ),
                    "allow_http": _field(
                        "Allow plain HTTP",
                        "boolean",
                        "To hosts other than loopback. The key is sent unencrypted.",
                    ),
                    "ca_bundle": _field(
                        "CA bundle",
                        "string",
                        "Path of the certificates (PEM) to trust, for a gateway with a private authority.",
                    ),
                    "headers": _field(
                        "Headers",
                        "object",
                        'Additional headers for each request, such as {"X-Team": "ours"}. Masked in logs.',
                    ),
                    "check_models": _field(
                        "Check models",
                        "boolean",
                        "Before an upload, check that your key may use the models of the input. On by default.",
                    ),
                },
            }
        ],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "integration-name": INTEGRATION,
            "python-modules": [f"airflow_provider_groq.{name}" for name in names],
        }
    ]


def _field(label: str, kind: str, description: str) -> dict[str, Any]:
    # Nullable: a field whose type has no null shows as required in the form.
    return {"label": label, "description": description, "schema": {"type": [kind, "null"]}}
