#!/usr/bin/env python3
"""Writes docs/conditions.md, and the list by reason in docs/troubleshooting.md, from the tables of conditions in docs/kinds/*.md;
with --check only says whether they are as written.

    tests/tools/reasons.py [--check]
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- by reason: written by tests/tools/reasons.py -->\n", "<!-- end -->\n"
HEAD = """# Conditions and reasons

<!-- Written by tests/tools/reasons.py from the tables of docs/kinds: change them there. -->

Every condition of every kind, with its reasons. The message of a condition has the particulars: ids, numbers, fields, AWS's own words.
[Troubleshooting](troubleshooting.md) has the same by reason.

Conditions follow the Kubernetes API conventions. `Ready` is always there and says whether the operator did its job (kstatus: Flux and Argo CD wait for it);
`Stalled` and `Reconciling` are there only while they are True: `Stalled` waits for a person, `Reconciling` for the operator. A transition time moves
only with the status. In metrics each is `soc2_resource_condition`, with its time in `soc2_resource_condition_since_timestamp_seconds`.
"""


def tables(text):
    """The tables of a page as lists of rows, the header first."""
    table = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            yield [table[0], *table[2:]]
            table = []


def rows(page):
    """(condition, reasons, text) of a page of a kind."""
    for header, *body in tables(page.read_text()):
        names = [re.sub(r",.*", "", name) for name in header]
        if names[:2] == ["type", "reason"]:
            before = ""
            for type_, reasons, text in body:
                before = type_ or before
                yield before, reasons, text
        elif names[:2] == ["reason", "state"]:
            for reason, state, text in body:
                yield f"a check that is `{state}`", reason, text


def by_kind():
    """Each kind with its rows."""
    found = {}
    for page in sorted((DOCS / "kinds").glob("*.md")):
        kind = page.read_text().splitlines()[0].removeprefix("# ")
        found[kind, page.name] = list(rows(page))
    return found


def names(reasons):
    """The single reasons of a cell."""
    return re.findall(r"`([A-Z]\w+)`", reasons)


def moved(text, page):
    """A text of a page of docs/kinds as it is written in docs: links go one folder less up, and name the page that they are in."""
    def link(match):
        target = f"{page}{match[1]}" if match[1].startswith("#") else match[1]
        if target.startswith("../"):
            return f"]({target.removeprefix('../')})"
        return match[0] if re.match(r"[a-z]+:", target) else f"](kinds/{target})"
    return re.sub(r"\]\(([^)]+)\)", link, text)


def conditions(found):
    parts = [HEAD]
    for (kind, page), listed in found.items():
        if listed:
            parts.append(f"\n## {kind}\n\nAll about it: [{kind}](kinds/{page}).\n\n| condition | reason | what it means, what to do |\n|---|---|---|\n")
            parts += [f"| {where} | {moved(reasons, page)} | {moved(text, page)} |\n" for where, reasons, text in listed]
    return "".join(parts)


def reasons_index(found):
    index = defaultdict(list)
    for (kind, page), listed in found.items():
        for where, reasons, text in listed:
            for reason in names(reasons):
                place = (f"[{kind}](kinds/{page})", where)
                if place not in [known[:2] for known in index[reason]]:
                    index[reason].append((*place, moved(text, page)))
    for reason, places in index.items():
        # "as above" is about a row of the same page that is in this list too.
        index[reason] = [place for place in places if not place[2].startswith("as above")] or places
    lines = ["| reason | where | what it means, what to do |\n", "|---|---|---|\n"]
    for reason in sorted(index):
        for kind, where, text in index[reason]:
            lines.append(f"| `{reason}` | {kind}: {where} | {text} |\n")
    return "".join(lines)


def written():
    """Each file with what it has to say."""
    found = by_kind()
    page = DOCS / "troubleshooting.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    index = f"{before}{BEGIN}\n{reasons_index(found)}\n{END}{after}"
    return {DOCS / "conditions.md": conditions(found), page: index}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    wrong = []
    for path, text in written().items():
        if check and (not path.exists() or path.read_text() != text):
            wrong.append(path.name)
        elif not check:
            path.write_text(text)
    if wrong:
        sys.exit(f"not as tests/tools/reasons.py writes them: {', '.join(wrong)}; run it without --check")


if __name__ == "__main__":
    main()
