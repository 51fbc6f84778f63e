# mypy: ignore-errors
"""Import entrypoints as a container does; `make check` starts this in a similar environment.

Its arguments are the file for its findings and the entrypoints. A finding says why an entrypoint
cannot be imported, or which parameters its flow takes.
"""

import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from prefect.flows import load_flow_from_entrypoint


def main(entrypoints: list[str], file: str) -> None:
    # A container starts its flow in the clone, so that is on its path, too.
    sys.path.insert(0, os.getcwd())
    found: dict[str, dict[str, object]] = {}
    for entrypoint in entrypoints:
        try:
            flow: Any = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
            found[entrypoint] = taken(flow.fn)
        except BaseException as error:  # A module may also exit.
            found[entrypoint] = described(getattr(error, "user_exc", error), entrypoint)
    with open(file, "w", encoding="utf-8") as output:
        json.dump(found, output)


def taken(function: Callable[..., object]) -> dict[str, object]:
    """The parameters of a function (None if it takes any), and the required ones."""
    given = inspect.signature(function).parameters.values()
    anything = any(each.kind == each.VAR_KEYWORD for each in given)
    named = [each for each in given if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    return {
        "parameters": None if anything else [each.name for each in named],
        "required": [each.name for each in named if each.default is each.empty],
    }


def described(error: BaseException, entrypoint: str) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    # The last line in the project's own code, or else the line that raised it.
    package = os.path.join("site-packages", entrypoint.partition(".")[0], "")
    ours = [
        each for each in frames if each.filename.startswith(os.getcwd()) or package in each.filename
    ]
    last = (ours or frames or [traceback.FrameSummary("", 0, "")])[-1]
    environ = bool(frames) and frames[-1].filename in (os.__file__, "<frozen os>")
    return {
        "kind": "environ" if environ and isinstance(error, KeyError) else type(error).__name__,
        "text": str(error),
        "name": str(getattr(error, "name", None) or ""),
        "path": str(getattr(error, "filename", None) or ""),
        "file": last.filename,
        "line": str(last.lineno),
    }


if __name__ == "__main__":
    main(sys.argv[2:], sys.argv[1])
