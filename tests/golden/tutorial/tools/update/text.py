# mypy: ignore-errors
"""What an update says of itself, in a terminal and on GitHub."""

import re
from collections.abc import Callable

from tools.update.change import Update
from tools.update.patch import Changed

LONGEST = 60_000
"""GitHub takes no text of more than 65,536 characters."""
FIRST = "Read these files first. GitHub, containers, make or other programs run them:"


def printable(text: str) -> str:
    """A text without what could control a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def listed(files: list[Changed], line: Callable[[Changed], str]) -> str:
    """The files that an update changes, with what is run apart from the rest."""
    parts = []
    for heading, is_run in ((FIRST, True), ("The other files:", False)):
        if lines := [line(each) for each in files if each.is_run is is_run]:
            parts.append(f"{heading}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def for_terminal(update: Update, files: list[Changed]) -> str:
    """What `make update` shows before its last line."""
    names = listed(files, lambda each: f"  {each.status} {printable(each.name)}")
    parts = [f"From {update.before} to {update.after}.", printable(update.changelog), names]
    return "\n\n".join(filter(None, parts))


def for_pull_request(update: Update, files: list[Changed], branch: str, starts_ci: bool) -> str:
    """What the pull request of an update says."""
    text = f"""\
This brings in what has changed in the project template from {update.before} to {update.after}. \
Nothing of it has run yet.
"""
    if update.conflicts:
        names = "\n".join(f"- {code(name)}" for name in update.conflicts)
        text += f"""
**Resolve the conflicts first.** Your changes and the template's meet in:

{names}

Check out the branch `{branch}`. Where lines stand between `<<<<<<<` and `>>>>>>>`, keep the right \
ones. Try it with `make setup lint check test`, commit and push. To take the template's version of \
a whole file instead, run `make update` on your machine, then `git checkout --theirs FILE`.
"""
    if not update.locked:
        text += f"""
**Lock first.** `uv.lock` is not updated yet: that could run code of the release, or a version \
bound of yours excludes one of the template's. When you have read this, check out the branch \
`{branch}`, run `uv lock`, commit and push.
"""
    if not starts_ci:
        text += """
CI does not start by itself for this pull request. When you have read it, close it and open it again.
"""
    names = listed(files, lambda each: f"- {each.status} {code(each.name)}")
    return cut(f"{text}\n{names}\n\n{news(update)}")


def for_issue(update: Update, reason: str, advice: str) -> str:
    """What the issue of an update says that cannot come as a pull request."""
    return cut(f"""\
The project template has a new release, {update.after}. This project has {update.before}.

{reason} So bring it in on your machine, and push it:

```sh
make update
```

{advice}

{news(update)}""")


def news(update: Update) -> str:
    """The changelog, in which GitHub sees no mention, link, image or HTML of a release's."""
    if not update.changelog:
        return ""
    text = printable(update.changelog)
    fence = "`" * max(len(ticks) + 1 for ticks in ["``", *re.findall("`+", text)])
    return f"What is new:\n\n{fence}markdown\n{text}\n{fence}"


def cut(text: str) -> str:
    text = re.sub("\n{3,}", "\n\n", text).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def code(text: str) -> str:
    return f"`{printable(text).replace('`', '?')}`"
