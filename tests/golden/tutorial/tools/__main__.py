# mypy: ignore-errors
"""The longer commands of the Makefile."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bootstrap", help="connect Prefect, GitHub and Modal")
    check = commands.add_parser("check", help="check that this commit would run on Modal")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    rehearse = commands.add_parser("rehearse", help="run a deployment as its container would")
    rehearse.add_argument("deployment", nargs="?", default="", help="its name in prefect.yaml")
    rehearse.add_argument("--params", default="", help="its parameters, as a JSON object")
    doctor = commands.add_parser("doctor", help="diagnose problems (changes nothing)")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--variables", action="store_true", help="list the job variables of work pools"
    )
    deploy = commands.add_parser("deploy", help="deploy what prefect.yaml describes")
    deploy.add_argument(
        "--force", action="store_true", help="overwrite newer or foreign deployments"
    )
    deploy.add_argument("--paused", action="store_true", help="deploy with all schedules paused")
    flow = commands.add_parser("run", help="run a flow on this machine")
    flow.add_argument("flow", nargs="?", default="", help="MODULE:FUNCTION, or a deployment")
    flow.add_argument("--params", default="", metavar="JSON", help="its parameters")
    where = flow.add_mutually_exclusive_group()
    where.add_argument("--workspace", action="store_true", help="run it in your Prefect workspace")
    where.add_argument("--ui", action="store_true", help="show the run in Prefect's UI")
    new = commands.add_parser("flow", help="add a flow, its test and its deployment")
    new.add_argument("name", nargs="?", default="", help="its name, such as orders")
    new.add_argument("--schedule", default="", help="a word or cron (default: never)")
    new.add_argument("--timezone", default="", help="default: the project's")
    commands.add_parser("rotate-tokens", help="replace the stored tokens")
    for name, text in (
        ("prune", "delete what is no longer in the files"),
        ("teardown", "delete what bootstrap created"),
    ):
        commands.add_parser(name, help=text).add_argument("--yes", action="store_true")
    commands.add_parser("preview", help="deploy this branch's commit alongside production")
    delete = commands.add_parser("preview-delete", help="delete the preview of this branch")
    delete.add_argument("branch", nargs="?", default="", help="another branch")
    commands.add_parser("packages", help="list the packages that `bake` puts into the image")
    for command in commands.choices.values():
        command.add_argument("--traceback", action="store_true", help="show where a bug is")
    return parser.parse_args(arguments)


def main() -> int:
    arguments = parse(sys.argv[1:])
    # A signal that ends this process also stops the servers that it started.
    for name in {"SIGTERM", "SIGHUP"} & signal.Signals.__members__.keys():
        signal.signal(signal.Signals[name], lambda received, _: sys.exit(128 + received))
    try:
        return run(arguments, Path(__file__).resolve().parent.parent)
    except SyntaxError as error:
        name = os.path.relpath(error.filename or "")
        print(f"{name}: {error.msg}. To take the template's version: git checkout --theirs {name}")
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nInterrupted. Run it again to continue.")
        return 130


def run(arguments: argparse.Namespace, root: Path) -> int:
    if arguments.command == "packages":
        from tools.packages import packages

        return packages(root)
    # Give up at once if Prefect does not answer; its settings are read at import.
    os.environ["PREFECT_CLIENT_MAX_RETRIES"] = "0"
    from tools.base.finding import explain, told
    from tools.base.project import Project
    from tools.base.screen import say

    if arguments.traceback:
        logging.getLogger("tools").setLevel(logging.DEBUG)
        logging.getLogger("tools").addHandler(logging.StreamHandler())
    project = Project(root)
    try:
        if arguments.command == "deploy":
            from tools.deploy import deploy

            return deploy(project, force=arguments.force, paused=arguments.paused)
        if arguments.command == "preview":
            from tools.preview import preview

            return preview(project)
        if arguments.command == "preview-delete":
            from tools.preview import delete_preview

            return delete_preview(project, arguments.branch)
        if arguments.command == "check":
            from tools.check import check

            return check(root, as_json=arguments.json)
        if arguments.command == "rehearse":
            from tools.rehearse import rehearse

            return rehearse(root, arguments.deployment, arguments.params)
        if arguments.command == "bootstrap":
            from tools.bootstrap import bootstrap

            return bootstrap(project)
        if arguments.command == "run":
            from tools.run import run as run_flow

            return run_flow(
                project, arguments.flow, arguments.params, arguments.workspace, arguments.ui
            )
        if arguments.command == "flow":
            from tools.flow import flow

            return flow(project, arguments.name, arguments.schedule, arguments.timezone)
        if arguments.command == "rotate-tokens":
            from tools.rotate_tokens import rotate_tokens

            return rotate_tokens(project)
        if arguments.command == "prune":
            from tools.prune import prune

            return prune(project, arguments.yes)
        if arguments.command == "teardown":
            from tools.teardown import teardown

            return teardown(project, arguments.yes)
        from tools.doctor import doctor, show_variables

        if arguments.variables:
            return show_variables(project)
        return doctor(project, as_json=arguments.json)
    except (EOFError, SyntaxError):
        raise
    except Exception as error:
        say(told(explain(error)))
        return 1


if __name__ == "__main__":
    sys.exit(main())
