"""A stand-in for Modal: a server to which the real client deploys apps and sends calls.

It stores apps with their functions, the steps of images, and secrets by name. A call
starts nothing by itself; `on_call` decides what becomes of it. Any other request is refused.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import empty_pb2
from grpclib import GRPCError, Status
from grpclib.server import Server, Stream
from modal import client as modal_client
from modal._serialization import deserialize
from modal_proto import api_grpc, api_pb2

Result = api_pb2.GenericResult
BUILDER = "2026.10"
"""The version of the images that Modal builds for a new workspace."""
TOKEN = {"MODAL_TOKEN_ID": "ak-of-the-tests", "MODAL_TOKEN_SECRET": "as-of-the-tests"}


@dataclass
class Call:
    """A call of a function, and its end, if it has ended."""

    id: str
    app: str
    function: str
    arguments: tuple[Any, ...]
    options: api_pb2.FunctionOptions
    """The differences to the deployed function."""
    result: api_pb2.GenericResult | None = None
    cancelled: bool = False

    def end(self, status: Any = Result.GENERIC_STATUS_SUCCESS, why: str = "") -> None:
        """Let the call end, as Modal reports the end of a container."""
        self.result = api_pb2.GenericResult(status=status, exception=why)


@dataclass
class App:
    """A deployed app."""

    name: str
    functions: dict[str, api_pb2.Function] = field(default_factory=dict)


@dataclass
class Modal:
    """The server's state."""

    url: str = ""
    apps: dict[str, App] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    images: list[api_pb2.Image] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    """The folders in containers of files added to images."""
    calls: dict[str, Call] = field(default_factory=dict)
    on_call: Callable[[Call], None] = lambda call: None
    refuses: dict[str, Status] = field(default_factory=dict)
    """Requests that it answers with an error."""

    def environment(self) -> dict[str, str]:
        """The environment of a user who has a token for it."""
        return {"MODAL_SERVER_URL": self.url, **TOKEN}


class Requests(api_grpc.ModalClientBase):
    """The known requests, by their names in Modal's protocol."""

    def __init__(self, modal: Modal) -> None:
        self.modal = modal
        self.count = itertools.count()
        self.ids: dict[str, str] = {}
        self.functions: dict[str, tuple[str, api_pb2.Function, api_pb2.FunctionOptions]] = {}

    def new(self, kind: str, name: str = "") -> str:
        """An ID whose beginning tells the client its kind."""
        made = f"{kind}-{next(self.count):022d}"
        self.ids[made] = name
        return made

    def of(self, kind: str, name: str) -> str:
        known = (each for each, what in self.ids.items() if what == name and each[:2] == kind)
        return next(known, None) or self.new(kind, name)

    def ClientHello(self, _: Any) -> Any:
        return api_pb2.ClientHelloResponse(image_builder_version=BUILDER)

    def EnvironmentGetOrCreate(self, _: Any) -> Any:
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER)
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id=self.of("en", "main"),
            metadata=api_pb2.EnvironmentMetadata(name="main", settings=settings),
        )

    def AppGetByDeploymentName(self, asked: Any) -> Any:
        found = self.of("ap", asked.name) if asked.name in self.modal.apps else ""
        return api_pb2.AppGetByDeploymentNameResponse(app_id=found)

    def AppCreate(self, asked: Any) -> Any:
        return api_pb2.AppCreateResponse(app_id=self.new("ap", asked.description))

    def AppGetOrCreate(self, asked: Any) -> Any:
        return api_pb2.AppGetOrCreateResponse(app_id=self.of("ap", asked.app_name))

    def AppGetLayout(self, _: Any) -> Any:
        return api_pb2.AppGetLayoutResponse()

    def AppHeartbeat(self, _: Any) -> Any:
        return empty_pb2.Empty()

    def AppClientDisconnect(self, _: Any) -> Any:
        return empty_pb2.Empty()

    def AppPublish(self, asked: Any) -> Any:
        app = App(asked.name)
        for tag, function in asked.function_ids.items():
            _, definition, options = self.functions[function]
            self.functions[function] = (asked.name, definition, options)
            app.functions[tag] = definition
            self.ids[f"{asked.name}/{tag}"] = function
        self.modal.apps[asked.name] = app
        return api_pb2.AppPublishResponse(url=f"{self.modal.url}/{asked.name}")

    def AppStop(self, asked: Any) -> Any:
        self.modal.apps.pop(self.ids[asked.app_id], None)
        return empty_pb2.Empty()

    def MountBatchedCheckExistence(self, _: Any) -> Any:
        return api_pb2.MountBatchedCheckExistenceResponse()  # None is missing.

    def MountGetOrCreate(self, asked: Any) -> Any:
        self.modal.files.update(each.filename for each in asked.files)
        return api_pb2.MountGetOrCreateResponse(mount_id=self.new("mo"))

    def MountPutFile(self, _: Any) -> Any:
        return api_pb2.MountPutFileResponse(exists=True)

    def ImageGetOrCreate(self, asked: Any) -> Any:
        self.modal.images.append(asked.image)
        made = api_pb2.GenericResult(status=Result.GENERIC_STATUS_SUCCESS)
        return api_pb2.ImageGetOrCreateResponse(image_id=self.new("im"), result=made)

    def SecretGetOrCreate(self, asked: Any) -> Any:
        name, there = asked.deployment_name, self.modal.secrets
        kinds = api_pb2.ObjectCreationType
        if asked.object_creation_type == kinds.OBJECT_CREATION_TYPE_UNSPECIFIED:
            if name not in there:
                raise GRPCError(Status.NOT_FOUND, f"Secret '{name}' not found")
            if missing := set(asked.required_keys) - set(there[name]):
                raise GRPCError(Status.FAILED_PRECONDITION, f"Secret lacks {missing}")
        elif name in there and asked.object_creation_type in (
            kinds.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
        ):
            raise GRPCError(Status.ALREADY_EXISTS, f"Secret '{name}' exists")
        else:
            there[name] = dict(asked.env_dict)
        return api_pb2.SecretGetOrCreateResponse(secret_id=self.of("st", name))

    def SecretList(self, _: Any) -> Any:
        items = [
            api_pb2.SecretListItem(
                label=name,
                secret_id=self.of("st", name),
                metadata=api_pb2.SecretMetadata(name=name),
            )
            for name in self.modal.secrets
        ]
        return api_pb2.SecretListResponse(items=items)

    def SecretDelete(self, asked: Any) -> Any:
        self.modal.secrets.pop(self.ids[asked.secret_id])
        return empty_pb2.Empty()

    def FunctionPrecreate(self, _: Any) -> Any:
        return api_pb2.FunctionPrecreateResponse(function_id=self.new("fu"))

    def FunctionCreate(self, asked: Any) -> Any:
        made = asked.existing_function_id or self.new("fu")
        self.functions[made] = ("", asked.function, api_pb2.FunctionOptions())
        return api_pb2.FunctionCreateResponse(
            function_id=made,
            function=asked.function,
            function_data=ranked(asked.function),
            handle_metadata=handle(asked.function),
        )

    def FunctionGet(self, asked: Any) -> Any:
        if asked.object_tag not in getattr(self.modal.apps.get(asked.app_name), "functions", {}):
            raise GRPCError(Status.NOT_FOUND, f"App '{asked.app_name}' not found")
        found = self.ids[f"{asked.app_name}/{asked.object_tag}"]
        _, function, _ = self.functions[found]
        return api_pb2.FunctionGetResponse(
            function_id=found, function=ranked(function), handle_metadata=handle(function)
        )

    def FunctionBindParams(self, asked: Any) -> Any:
        app, function, _ = self.functions[asked.function_id]
        bound = self.new("fu")
        self.functions[bound] = (app, function, asked.function_options)
        return api_pb2.FunctionBindParamsResponse(
            bound_function_id=bound, handle_metadata=handle(function)
        )

    def FunctionMap(self, asked: Any) -> Any:
        app, function, options = self.functions[asked.function_id]
        arguments, _ = deserialize(asked.pipelined_inputs[0].input.args, None)
        call = Call(self.new("fc"), app, function.function_name, tuple(arguments), options)
        self.modal.calls[call.id] = call
        threading.Thread(target=self.modal.on_call, args=(call,), daemon=True).start()
        item = api_pb2.FunctionPutInputsResponseItem(input_id=self.new("in"))
        return api_pb2.FunctionMapResponse(function_call_id=call.id, pipelined_inputs=[item])

    def FunctionGetOutputs(self, asked: Any) -> Any:
        if not (call := self.modal.calls.get(asked.function_call_id)):
            raise GRPCError(Status.NOT_FOUND, "There is no such call")
        if not call.result:
            return api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=1)
        output = api_pb2.FunctionGetOutputsItem(
            result=call.result, data_format=api_pb2.DATA_FORMAT_PICKLE
        )
        if call.result.status == Result.GENERIC_STATUS_SUCCESS:
            output.result.data = b"\x80\x04N."  # None
        return api_pb2.FunctionGetOutputsResponse(outputs=[output])

    def FunctionCallCancel(self, asked: Any) -> Any:
        self.modal.calls[asked.function_call_id].cancelled = True
        return empty_pb2.Empty()


def ranked(function: api_pb2.Function) -> api_pb2.FunctionData:
    only = api_pb2.FunctionData.RankedFunction(rank=0, function=function)
    return api_pb2.FunctionData(ranked_functions=[only])


def handle(function: api_pb2.Function) -> api_pb2.FunctionHandleMetadata:
    return api_pb2.FunctionHandleMetadata(function_name=function.function_name)


def handler(name: str) -> Any:
    """Answer a request with the method of its name; refuse it if there is none."""
    answer = vars(Requests).get(name)

    async def answered(self: Requests, stream: Stream[Any, Any]) -> None:
        asked = await stream.recv_message()
        if refused := self.modal.refuses.get(name):
            raise GRPCError(refused, f"{name} is refused")
        if not answer:
            print(f"Modal does not know {name}: {str(asked)[:500]}")
            raise GRPCError(Status.UNIMPLEMENTED, f"The stand-in does not know {name}")
        await stream.send_message(answer(self, asked))

    return answered


def serving() -> type[Requests]:
    names = [each for each in vars(api_grpc.ModalClientBase) if each[0].isupper()]
    return type("Serving", (Requests,), {name: handler(name) for name in names})


@contextmanager
def serve_modal() -> Iterator[Modal]:
    """Run the server on a free port."""
    modal, loop, ready = Modal(), asyncio.new_event_loop(), threading.Event()

    async def start() -> Server:
        server = Server([serving()(modal)])
        await server.start("127.0.0.1", 0)
        port = server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        modal.url = f"http://127.0.0.1:{port}"
        ready.set()
        return server

    def work() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(start())
        loop.run_forever()
        server.close()
        loop.run_until_complete(server.wait_closed())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    # This process keeps its client, which knows an earlier server only.
    modal_client.Client._set_env_client(None)
    try:
        yield modal
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
