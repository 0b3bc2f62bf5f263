#!/usr/bin/env python3
"""Prints the bill of materials of the operator as CycloneDX 1.6: every crate that is linked into it, with its licence.

The same for the same Cargo.lock: no time and no random serial number.
"""

import json
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "soc2-operator"
TARGET = "x86_64-unknown-linux-gnu"


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked", "--offline"]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def linked():
    """Ids of the packages that are linked, by what they depend on."""
    metadata = json.loads(cargo("metadata", "--format-version=1", f"--filter-platform={TARGET}"))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    # Not what is needed only while building or testing: build and development dependencies, and macros.
    macros = {name for name, p in packages.items() if any("proc-macro" in target["kind"] for target in p["targets"])}
    normal = {
        name: [
            d["pkg"]
            for d in node["deps"]
            if d["pkg"] not in macros and any(kind["kind"] is None for kind in d["dep_kinds"])
        ]
        for name, node in nodes.items()
    }
    root = next(name for name, package in packages.items() if package["name"] == PACKAGE)
    found, waiting = {}, [root]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = normal[name]
            waiting.extend(normal[name])
    return root, found, packages


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind):
    found = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        # Older crates write MIT/Apache-2.0 for "either".
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    return found


def main():
    root, found, packages = linked()
    others = sorted((packages[name] for name in found if name != root), key=purl)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(packages[root], "application")},
        "components": [component(package, "library") for package in others],
        "dependencies": sorted(
            (
                {"ref": purl(packages[name]), "dependsOn": sorted({purl(packages[on]) for on in needs})}
                for name, needs in found.items()
            ),
            key=lambda dependency: dependency["ref"],
        ),
    }
    print(json.dumps(document, indent=1))


main()
