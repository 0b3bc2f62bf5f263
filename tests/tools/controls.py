#!/usr/bin/env python3
"""Writes docs/controls.md, the table of criteria with the controls and activities that answer for them, from the data of the newest
catalogue; with --check only says whether it is as written.

    tests/tools/controls.py [--check]
"""

import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/controls.md"
SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
HEAD = """# Which control answers for which criterion

<!-- Written by tests/tools/controls.py from controller/catalog/data: change it there. -->

The mapping of the built-in catalogue `soc2`, version `{version}`: {mappings} pairs of a criterion and a control of Security Hub. [The catalogue](catalog.md) says what the tiers are and
where each pair is from; `soc2ctl catalog show CC6.1` prints confidence, sources and titles too, and a [ControlCatalog](kinds/controlcatalog.md) adds pairs of your own.
A profile of the Default tier counts the controls of the first column, one of the Extended tier those of both.
Controls are listed by severity; one in *italics* is weak: it supports the criterion without showing much of it. **People** are the activities that are attested.
"""


def version():
    """The folder of the newest catalogue."""
    return max(path.name for path in (ROOT / "controller/catalog/data").iterdir() if path.is_dir())


def read(name):
    with (ROOT / "controller/catalog/data" / version() / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tier(row):
    """The rule of controller/catalog/src/mapping.rs."""
    counted = set(row["sources"].split(";")) - {"pulumi"}
    copied = row["tsc_id"] == "CC6.2" and counted <= {"powerpipe"}
    founded = row["confidence"] == "direct" or len(counted) >= 2
    return "Default" if founded and not copied else "Extended"


def mapped():
    """(criterion, control, severity, tier, whether it is weak) of each pair."""
    severities = {row["control_id"]: row["severity"] for row in read("controls") + read("retired_controls")}
    weak = {(row["criterion"], row["control"]) for row in read("weak_mappings")}
    for row in read("mapping"):
        criterion, control = row["tsc_id"], row["security_hub_control_id"]
        if control:
            yield criterion, control, severities[control], tier(row), bool({(criterion, control), (criterion, "*")} & weak)


def natural(name):
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", name)]


def cell(pairs):
    """Controls by severity."""
    parts = []
    for severity in SEVERITIES:
        listed = sorted(((control, weak) for _, control, its, _, weak in pairs if its == severity), key=lambda pair: natural(pair[0]))
        if listed:
            parts.append(f"{severity.capitalize()}: " + ", ".join(f"*{control}*" if weak else control for control, weak in listed))
    return "<br>".join(parts) or "-"


def written():
    pairs, activities, rows, category = list(mapped()), read("activities"), [], None
    for criterion in read("criteria"):
        id_, group = criterion["tsc_id"], criterion["category"].partition("/")[0]
        if group != category:
            rows.append(f"\n## {'Security (common criteria)' if group == 'Common' else group}\n\n")
            rows.append("| criterion | Default tier | besides, in the Extended tier | people |\n|---|---|---|---|\n")
            category = group
        cells = [cell([pair for pair in pairs if pair[0] == id_ and pair[3] == name]) for name in ["Default", "Extended"]]
        people = ", ".join(f"`{row['activity_id']}`" for row in activities if id_ in row["criteria"].split(";")) or "-"
        rows.append(f"| **{id_}** {criterion['short_title']} | {cells[0]} | {cells[1]} | {people} |\n")
    return HEAD.format(version=version(), mappings=len(pairs)) + "".join(rows)


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    text = written()
    if check and (not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text):
        sys.exit("docs/controls.md is not as tests/tools/controls.py writes it; run it without --check")
    if not check:
        PAGE.write_text(text, encoding="utf-8")


main()
