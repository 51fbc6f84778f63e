# mypy: ignore-errors
"""Run a flow in this process, on the API in the environment; `python -m tools run` starts this.

`python -P` starts it, so that the project's package may have any name.
"""

import asyncio
import importlib
import json
import logging
import os
import sys
import traceback
from collections import deque
from types import TracebackType
from typing import Any

from prefect.exceptions import ParameterBindError, ParameterTypeError, ScriptError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import get_call_parameters


def main(entrypoint: str, given: str) -> int:
    try:
        flow = load(entrypoint)
    except Exception as error:
        error = error.user_exc if isinstance(error, ScriptError) else error
        traceback.print_exception(type(error), error, of_module(error.__traceback__))
        return 1
    logging.disable(logging.ERROR)  # Otherwise Prefect says it twice.
    try:
        parameters = get_call_parameters(flow.fn, (), json.loads(given))
        flow.validate_parameters(parameters)
    except (ParameterBindError, ParameterTypeError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        logging.disable(logging.NOTSET)
    return execute(flow, parameters)


def load(entrypoint: str) -> Any:
    """Import the flow. Installed packages come first, the project's folder last."""
    sys.path.append(os.getcwd())
    if ".py:" not in entrypoint:
        importlib.import_module(entrypoint.rpartition(":" if ":" in entrypoint else ".")[0])
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def of_module(where: TracebackType | None) -> TracebackType | None:
    """The part of a traceback inside the module, without the import machinery."""
    while where and (
        where.tb_frame.f_code.co_name != "<module>" or where.tb_frame.f_code.co_filename == __file__
    ):
        where = where.tb_next
    return where


def execute(flow: Any, parameters: dict[str, Any]) -> int:
    """Run the flow; Prefect's log says why it failed."""
    if flow.isgenerator:
        values = flow(**parameters)
        asyncio.run(exhaust(values)) if flow.isasync else deque(values, maxlen=0)
        return 0
    state = flow(**parameters, return_state=True)
    state = asyncio.run(state) if flow.isasync else state
    return 0 if state.is_completed() else 1


async def exhaust(values: Any) -> None:
    async for _ in values:
        pass


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
