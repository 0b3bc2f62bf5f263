#!/usr/bin/env python3
"""Writes the table of values in the chart's README.md from the comments of its values.yaml.

Usage: chart-readme.py [--check]

  --check  write nothing; fail if the README is not what it would write, or if a value has no description

A line `# -- text` above a key is its description; every key without keys of its own needs one. A line `# text` above a
key that has keys of its own is the heading's text.
"""

import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parents[2] / "charts" / "soc2-operator"
BEGIN = "<!-- values: written by tests/tools/chart-readme.py -->\n"
END = "<!-- end of values -->\n"


def fail(problem):
    sys.exit(f"chart-readme: {problem}")


def read(text):
    """Rows of (name, default, description), and of (name, None, text) for a group; in order."""
    rows, comment, parents, defaults = [], [], [], {}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped:
            comment = []
        elif stripped.startswith("#"):
            comment.append(stripped.lstrip("#").strip())
        else:
            match = re.fullmatch(r"( *)([A-Za-z]+):(?: (.*))?", line)
            if not match:
                fail(f"values.yaml:{number + 1}: not a key on one line: {line}")
            indent, key, default = len(match[1]) // 2, match[2], match[3]
            described = [entry.removeprefix("-- ") for entry in comment if entry.startswith("-- ")]
            if indent and parents[:indent] and parents[0] in defaults:
                # Below a value that is described as a whole.
                defaults[parents[0]].append(stripped)
                continue
            parents = parents[:indent] + [key]
            name = ".".join(parents)
            if described and default is None:
                defaults[name] = []
                rows.append([name, "", " ".join(described)])
            elif default is None:
                rows.append([name, None, " ".join(comment)])
            elif described:
                rows.append([name, default, " ".join(described)])
            else:
                fail(f"values.yaml:{number + 1}: {name} has no description: write `# -- text` above it")
            comment = []
    for row in rows:
        if row[0] in defaults:
            row[1] = "{" + ", ".join(defaults[row[0]]) + "}"
    return rows


def table(rows):
    text, heading = [], "\n| value | default | |\n|---|---|---|\n"
    text.append(heading)
    for name, default, description in rows:
        description = description.replace("|", "\\|")
        if default is None:
            text.append(f"| **{name}** | | {description} |\n")
        else:
            text.append(f"| `{name}` | `{default}` | {description} |\n")
    return "".join(text) + "\n"


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    readme = CHART / "README.md"
    before = readme.read_text()
    if before.count(BEGIN) != 1 or before.count(END) != 1:
        fail(f"{readme} has to have the lines {BEGIN.strip()} and {END.strip()} once each")
    head, _, rest = before.partition(BEGIN)
    tail = rest.partition(END)[2]
    after = head + BEGIN + table(read((CHART / "values.yaml").read_text())) + END + tail
    if before == after:
        return
    if arguments:
        fail("charts/soc2-operator/README.md is not what values.yaml says: tests/tools/chart-readme.py writes it")
    readme.write_text(after)
    print(readme)


main()
