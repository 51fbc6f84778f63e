"""Every project of an organization: its version of the template, and what its doctor finds.

    python3 scripts/organization.py ORGANIZATION TEMPLATE [--versions]

TEMPLATE is the address that the projects were made from. Each is cloned and set up in a temporary
folder, and its `make doctor` is run; with --versions, none is cloned, and nothing of theirs is run.
"""

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor


def run(*command: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)


def checked(*command: str, cwd: str | None = None) -> str:
    """Run a program that has to succeed."""
    done = run(*command, cwd=cwd)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return done.stdout


def answers(repository: str) -> dict[str, str]:
    """What a repository's .copier-answers.yml says on its default branch; nothing without one."""
    url = f"repos/{repository}/contents/.copier-answers.yml"
    done = run("gh", "api", url, "--header", "Accept: application/vnd.github.raw+json")
    if done.returncode != 0 and "HTTP 404" not in done.stderr:
        raise RuntimeError(done.stderr)
    return dict(re.findall(r"^(\w+): (\S+)$", done.stdout, re.MULTILINE))


def doctor(url: str) -> str:
    """What has not passed in a fresh clone."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            checked("git", "clone", "--quiet", url, folder)
            checked("make", "setup", cwd=folder)
        except RuntimeError as error:
            return str(error)
        said = run("make", "--silent", "doctor", "ARGS=--json", cwd=folder).stdout
    found, _ = json.JSONDecoder().raw_decode(said, said.index("[\n"))
    bad = (f"{row['check']} {row['status']}" for row in found if row["status"] != "passed")
    return ", ".join(dict.fromkeys(bad)) or "passed"


def same(address: str) -> str:
    """The end of an address, which is the same for https and ssh: acme/template."""
    return "/".join(re.split("[/:]", address.lower().strip("/").removesuffix(".git"))[-2:])


def main(organization: str, template: str, *options: str) -> None:
    tags = re.findall(r"v(\d+)\.(\d+)\.(\d+)$", checked("git", "ls-remote", template), re.MULTILINE)
    newest = "v" + ".".join(max(tags, key=lambda tag: [*map(int, tag)]))
    ask = ("gh", "repo", "list", organization, "--limit", "9999", "--json")
    listed = json.loads(checked(*ask, "nameWithOwner,url,isArchived"))
    urls = {each["nameWithOwner"]: each["url"] for each in listed if not each["isArchived"]}
    with ThreadPoolExecutor(4) as pool:
        known = zip(sorted(urls), pool.map(answers, sorted(urls)), strict=True)
        made = {n: a["_commit"] for n, a in known if same(a.get("_src_path", "")) == same(template)}
        said = pool.map(lambda name: "" if options else doctor(urls[name]), made)
        for (name, version), findings in zip(made.items(), said, strict=True):
            behind = "" if version == newest else f", behind {newest}"
            print(f"{name:{max(map(len, made))}}  {version + behind:24}  {findings}".rstrip())


if __name__ == "__main__":
    main(*sys.argv[1:])
