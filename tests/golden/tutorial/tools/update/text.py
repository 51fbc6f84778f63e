# mypy: ignore-errors
"""The description of an update, in a terminal and on GitHub."""

import re
from collections import Counter
from collections.abc import Callable

from tools.update.change import Update
from tools.update.patch import Changed

LONGEST = 60_000
"""GitHub's limit is 65,536 characters."""
TOOLS, FEW = "tools/", 3
FIRST = "Read these files first. GitHub, containers, make or other programs run them:"


def printable(text: str) -> str:
    """A text without control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def listed(files: list[Changed], line: Callable[[str, str], str]) -> str:
    """The files that an update changes, with those that are run first; many tools are one line."""
    tools = Counter(each.status for each in files if each.name.startswith(TOOLS))
    parts = []
    others = "The other files:" if any(each.is_run for each in files) else "Changed files:"
    for heading, is_run in ((FIRST, True), (others, False)):
        lines = []
        for each in files:
            if each.name.startswith(TOOLS) and (count := tools[each.status]) > FEW:
                shown = f"{line(each.status, TOOLS)} ({count} files)"
            else:
                shown = line(each.status, each.name)
            if each.is_run is is_run and shown not in lines:
                lines.append(shown)
        if lines:
            parts.append(f"{heading}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def for_terminal(update: Update, files: list[Changed]) -> str:
    """The text that `make update` shows before its last line."""
    names = listed(files, lambda status, name: f"  {status} {printable(name)}")
    parts = [f"From {update.before} to {update.after}.", printable(update.changelog), names]
    return "\n\n".join(filter(None, parts))


def for_pull_request(update: Update, files: list[Changed], branch: str, starts_ci: bool) -> str:
    """The text of the pull request of an update."""
    text = f"""\
This updates the project from {update.before} to {update.after} of its template. \
None of it has run yet.
"""
    if update.conflicts:
        names = "\n".join(f"- {code(name)}" for name in update.conflicts)
        text += f"""
**Resolve the conflicts first.** Your changes conflict with the template's in:

{names}

Check out the branch `{branch}`. Keep the right lines between `<<<<<<<` and `>>>>>>>`. Run \
`make setup lint check test`, commit and push. To take the template's version of a whole file \
instead, run `make update` on your machine, then `git checkout --theirs FILE`.
"""
    if not update.locked:
        text += f"""
**Lock first.** `uv.lock` is not updated yet, because that could run code of the release or \
because your version bounds exclude the template's. After your review, check out the branch \
`{branch}`, run `uv lock`, commit and push.
"""
    if not starts_ci:
        text += """
CI does not start on its own for this pull request. After your review, close and reopen it.
"""
    names = listed(files, lambda status, name: f"- {status} {code(name)}")
    return cut(f"{text}\n{names}\n\n{news(update)}")


def for_issue(update: Update, reason: str, advice: str) -> str:
    """The text of the issue for an update that cannot be a pull request."""
    return cut(f"""\
The project template has a new release, {update.after}. This project has {update.before}.

{reason} Update on your machine instead, and push:

```sh
make update
```

{advice}

{news(update)}""")


def news(update: Update) -> str:
    """The changelog, so quoted that GitHub renders none of its mentions, links, images or HTML."""
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
