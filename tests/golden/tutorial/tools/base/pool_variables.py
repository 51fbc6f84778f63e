# mypy: ignore-errors
"""The job variables of a `modal:push` work pool, as last seen.

The pool on the server decides; this is used if it cannot be asked. More about the
variables: https://modal.com/docs/guide
"""

from typing import Any

DEFAULT_PYTHON = "3.12"
"""The Python of a work pool's default image."""
STRINGS = {"type": "array", "items": {"type": "string"}}
REGISTRY = {name: {"type": "string"} for name in ("tag", "secret", "aws_secret", "gcp_secret")}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "image": {"type": "object", "properties": REGISTRY, "additionalProperties": False},
        "timeout": {"type": "integer", "default": 300},
        "cpu": {"type": "number", "multipleOf": 0.25, "default": 1},
        "memory": {"type": "integer", "default": 512},
        "gpu": {"type": "string"},
        "secrets": STRINGS,
        "pip_packages": STRINGS,
        "env": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "command": {"type": "string"},
        "modal_credentials": {"type": "object"},
    },
}
EXAMPLES = {
    "image": "image: {tag: docker.io/acme/flows:1.0}",
    "timeout": "timeout: 3600, in seconds, at most 86400",
    "cpu": "cpu: 0.5, a multiple of 0.25",
    "memory": "memory: 4096, in MB",
    "gpu": "gpu: A10G",
    "secrets": "secrets: [warehouse], names of Modal secrets",
    "pip_packages": "pip_packages: [polars==1.0]",
    "env": 'env: {RETRIES: "3"}, each value in quotes',
    "command": "command: prefect flow-run execute",
}
