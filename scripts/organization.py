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


def run(*command: str, cwd: str | None = None, may_fail: str = "") -> str:
    """Run a program; it has to succeed, or else to say why it may fail."""
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode != 0 and not (may_fail and re.search(may_fail, done.stderr)):
        said = (done.stderr or done.stdout).strip().splitlines() or ["failed"]
        raise RuntimeError(said[-1])
    return done.stdout


def answers(repository: str) -> dict[str, str]:
    """What the file .copier-answers.yml says on the default branch; nothing if there is none."""
    ask = ("gh", "api", f"repos/{repository}/contents/.copier-answers.yml")
    raw = ("--header", "Accept: application/vnd.github.raw+json")
    return dict(re.findall(r"^(\w+): (\S+)$", run(*ask, *raw, may_fail="HTTP 404"), re.MULTILINE))


def doctor(url: str) -> str:
    """What has not passed in a fresh clone."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            run("git", "clone", "--quiet", url, folder)
            run("make", "setup", cwd=folder)
            said = run("make", "--silent", "doctor", "ARGS=--json", cwd=folder, may_fail="Error 1")
            found, _ = json.JSONDecoder().raw_decode(said, said.index("[\n"))
        except (RuntimeError, ValueError) as error:
            return str(error)
    bad = (f"{row['check']} {row['status']}" for row in found if row["status"] != "passed")
    return ", ".join(dict.fromkeys(bad)) or "passed"


def short(address: str) -> str:
    """The end of an address, which is the same for https and ssh: acme/template."""
    return "/".join(re.split("[/:]", address.lower().strip("/").removesuffix(".git"))[-2:])


def main(organization: str, template: str, *options: str) -> None:
    tags = re.findall(r"v(\d+)\.(\d+)\.(\d+)$", run("git", "ls-remote", template), re.MULTILINE)
    newest = "v" + ".".join(max(tags, key=lambda tag: [*map(int, tag)]))
    ask = ("gh", "repo", "list", organization, "--limit", "9999", "--json")
    listed = json.loads(run(*ask, "nameWithOwner,url,isArchived"))
    urls = {each["nameWithOwner"]: each["url"] for each in listed if not each["isArchived"]}
    with ThreadPoolExecutor(4) as pool:
        known = dict(zip(sorted(urls), pool.map(answers, sorted(urls)), strict=True))
        made = [n for n, a in known.items() if short(a.get("_src_path", "")) == short(template)]
        said = pool.map(lambda name: "" if options else doctor(urls[name]), made)
        for name, findings in zip(made, said, strict=True):
            version = known[name].get("_commit", "unknown")
            version += "" if version == newest else f", behind {newest}"
            print(f"{name:{max(map(len, made))}}  {version:24}  {findings}".rstrip())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except RuntimeError as error:
        sys.exit(str(error))
