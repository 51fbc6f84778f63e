# mypy: ignore-errors
"""Parameters of a flow, as they are typed."""

import json
from typing import Any

from tools.base.stop import ActionRequired


def parse(text: str) -> dict[str, Any]:
    """Parameters from JSON; an empty text has none.

    Raises:
        ActionRequired: it is no JSON object.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        raise ActionRequired("""Write PARAMS as a JSON object: PARAMS='{"name": "Modal"}'""")
    return found
