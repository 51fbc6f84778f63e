"""List an organization's projects with their template versions and doctor findings.

    python3 scripts/organization.py ORGANIZATION TEMPLATE [--versions]

TEMPLATE is the address that the projects were made from. Each project is cloned and set up in a
temporary folder, where `make doctor` runs; with --versions, nothing is cloned or run.
"""

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor


def run(*command: str, cwd: str | None = None, may_fail: str = "") -> str:
    """Run a program; it must succeed, or fail with a message that `may_fail` allows."""
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode != 0 and not (may_fail and re.search(may_fail, done.stderr)):
        raise RuntimeError((done.stderr or done.stdout).strip() or f"{command[0]} failed")
    return done.stdout


def answers(repository: str) -> dict[str, str] | str:
    """The answers in .copier-answers.yml on the default branch, or the error of reading them.

    They are empty if the file is missing.
    """
    ask = ("gh", "api", f"repos/{repository}/contents/.copier-answers.yml")
    raw = ("--header", "Accept: application/vnd.github.raw+json")
    try:
        text = run(*ask, *raw, may_fail="HTTP 404")
    except RuntimeError as error:
        return str(error)
    return dict(re.findall(r"^(\w+): (\S+)$", text, re.MULTILINE))


def doctor(url: str) -> str:
    """The checks that do not pass in a fresh clone."""
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
    """The end of an address, equal for https and ssh: acme/template."""
    return "/".join(re.split("[/:]", address.lower().strip("/").removesuffix(".git"))[-2:])


def main(organization: str, template: str, *options: str) -> None:
    tags = re.findall(r"v(\d+)\.(\d+)\.(\d+)$", run("git", "ls-remote", template), re.MULTILINE)
    if not tags:
        raise RuntimeError(f"{template} has no release: it needs a tag vX.Y.Z")
    newest = "v" + ".".join(max(tags, key=lambda tag: [*map(int, tag)]))
    ask = ("gh", "repo", "list", organization, "--limit", "9999", "--json")
    listed = json.loads(run(*ask, "nameWithOwner,url,isArchived"))
    urls = {each["nameWithOwner"]: each["url"] for each in listed if not each["isArchived"]}
    with ThreadPoolExecutor(4) as pool:
        known = dict(zip(sorted(urls), pool.map(answers, sorted(urls)), strict=True))
        errors = {n: a for n, a in known.items() if isinstance(a, str)}
        versions = {
            name: found.get("_commit", "unknown")
            for name, found in known.items()
            if not isinstance(found, str) and short(found.get("_src_path", "")) == short(template)
        }
        shown = sorted(errors | versions)
        if not shown:
            raise RuntimeError(f"No project of {organization} names {template} as its template")
        if not options:
            count = "1 project" if len(versions) == 1 else f"{len(versions)} projects"
            print(f"Running make doctor in {count}, four at a time …", file=sys.stderr)
        found = pool.map(lambda n: errors.get(n) or ("" if options else doctor(urls[n])), shown)
        for name, findings in zip(shown, found, strict=True):
            version = versions.get(name, "unknown")
            version += "" if version in (newest, "unknown") else f", behind {newest}"
            row = f"{name:{max(map(len, shown))}}  {version:24}  {findings}".rstrip()
            print(row.replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[3:] not in ([], ["--versions"]):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except RuntimeError as error:
        sys.exit(str(error))
