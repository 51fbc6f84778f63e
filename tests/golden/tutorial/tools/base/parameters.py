# mypy: ignore-errors
"""Parameters of a flow, as typed."""

import json
from typing import Any

from tools.base.stop import ActionRequired

EXAMPLE = """PARAMS='{"name": "Modal"}'"""


def read_parameters(params: str) -> dict[str, Any]:
    """Parameters from JSON; an empty text means none.

    Raises:
        ActionRequired: the text is not a JSON object.
    """
    try:
        given = json.loads(params or "{}")
    except ValueError as error:
        raise ActionRequired(f"PARAMS is not JSON: {error}. Type it like {EXAMPLE}") from None
    if not isinstance(given, dict):
        raise ActionRequired(f"PARAMS is not a JSON object. Type it like {EXAMPLE}")
    return given
