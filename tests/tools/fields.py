#!/usr/bin/env python3
"""Writes the tables of fields of the status in docs/kinds/*.md from the descriptions in crds/generated; with --check only says whether
they are as written.

    tests/tools/fields.py [--check]

A page has the lines BEGIN and END once each; what is between them is written.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- fields: written by tests/tools/fields.py -->\n", "<!-- end of fields -->\n"


def described(schema):
    """A description on one line; the values that it lists stand one after the other."""
    text = schema.get("description") or (schema.get("items") or {}).get("description") or ""
    text = re.sub(r"\n+\s*- (\w+):", r" `\1`:", text)
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def rows(schema, path=""):
    """(path, description) of all fields below; `[]` stands for each entry of a list, `{}` for each of a map."""
    for name, below in schema.get("properties", {}).items():
        inner, at = below, f"{path}{name}"
        if isinstance(below.get("items"), dict):
            inner, at = below["items"], f"{at}[]"
        elif isinstance(below.get("additionalProperties"), dict):
            inner, at = below["additionalProperties"], f"{at}{{}}"
        yield at, described(below)
        # Conditions are those of Kubernetes, in every kind.
        if name != "conditions":
            yield from rows(inner, f"{at}.")


def table(path):
    """The page of the CRD in this file, and the table of its status; nothing for a kind without."""
    spec = yaml.safe_load(path.read_text())["spec"]
    page = ROOT / "docs/kinds" / f"{spec['names']['kind'].lower()}.md"
    (version,) = spec["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"].get("status")
    if status is None:
        return page, None
    lines = [f"| `{name}` | {text} |\n" for name, text in rows(status)]
    return page, "\n| field | what it is |\n|---|---|\n" + "".join(lines) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    wrong = []
    for path in sorted((ROOT / "crds/generated").glob("*.yaml")):
        page, written = table(path)
        if written is None:
            continue
        text = page.read_text()
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            sys.exit(f"{page.name} has to have the lines {BEGIN.strip()} and {END.strip()} once each")
        head, _, rest = text.partition(BEGIN)
        after = head + BEGIN + written + END + rest.partition(END)[2]
        if after != text and check:
            wrong.append(page.name)
        elif after != text:
            page.write_text(after)
    if wrong:
        sys.exit(f"not as tests/tools/fields.py writes them: {', '.join(wrong)}; run it without --check")


main()
