"""What Prefect Cloud has for Modal, and Prefect's own server has not.

Names, types and defaults are those that `prefect work-pool inspect` shows of a real pool.
"""

from typing import Any

POOL_TYPE = "modal:push"
STRINGS = {"type": "array", "items": {"type": "string"}}


def registry(title: str, *secrets: str) -> dict[str, Any]:
    """The address of an image, and the Modal secrets that its registry asks for."""
    required = {"required": ["tag", *secrets]} if secrets else {}
    properties = {name: {"type": "string"} for name in ("tag", *secrets)}
    return {"title": title, "type": "object", "properties": properties, **required}


REGISTRIES = {
    "PublicRegistry": registry("Public registry"),
    "PrivateRegistry": registry("Private registry", "secret"),
    "AWSRegistry": registry("Registry of AWS", "aws_secret"),
    "GCPRegistry": registry("Registry of Google Cloud", "gcp_secret"),
}
CREDENTIALS = {
    "title": "ModalCredentials",
    "type": "object",
    "properties": {
        "token_id": {"title": "Token ID", "type": "string"},
        "token_secret": {
            "title": "Token Secret",
            "type": "string",
            "format": "password",
            "writeOnly": True,
        },
    },
    "required": ["token_id", "token_secret"],
    "secret_fields": ["token_secret"],
    "block_type_slug": "modal-credentials",
    "block_schema_references": {},
}
VARIABLES: dict[str, dict[str, Any]] = {
    "image": {"anyOf": [{"$ref": f"#/definitions/{name}"} for name in REGISTRIES]},
    "timeout": {"type": "integer", "default": 300},
    "cpu": {"type": "number", "format": "float", "multipleOf": 0.25, "default": 1},
    "memory": {"type": "integer", "default": 512},
    "gpu": {"type": "string"},
    "secrets": STRINGS,
    "pip_packages": STRINGS,
    "env": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
    "command": {"type": "string"},
    "modal_credentials": {"allOf": [{"$ref": "#/definitions/ModalCredentials"}]},
}


def base_job_template(credentials: str = "") -> dict[str, Any]:
    """The settings of a work pool: a template of its runs, and the block with its Modal token."""
    variables = {name: {"title": name, **schema} for name, schema in VARIABLES.items()}
    if credentials:
        reference = {"$ref": {"block_document_id": credentials}}
        variables["modal_credentials"]["default"] = reference
    return {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in VARIABLES},
        "variables": {
            "type": "object",
            "properties": variables,
            "definitions": REGISTRIES | {"ModalCredentials": CREDENTIALS},
            "required": ["modal_credentials"],
        },
    }
