#!/usr/bin/env python3
"""sbom.py PROGRAM: prints the bill of materials of the image of this program as CycloneDX 1.6: every crate that is linked into it,
Rust's own library, the system's libraries that come with it, and the certificate authorities, with their licences.

The same for the same Cargo.lock and the same system: no time and no random serial number.
"""

import json
import sys

from contents import LICENCES, linked, standard_library, system


def purl(package):
    return package.get("purl") or f"pkg:cargo/{package['name']}@{package['version']}"


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


def file(path, digest):
    return {"type": "file", "name": path, "hashes": [{"alg": "SHA-256", "content": digest}]}


def of_the_system(entry):
    """A package of the system with its files, or a single file."""
    package, files = entry["package"], [file(*named) for named in sorted(entry["files"].items())]
    if package is None:
        return {**files[0], "bom-ref": f"file:{files[0]['name']}"}
    found = {
        "type": "library",
        "bom-ref": package["purl"],
        "name": package["name"],
        "version": package["version"],
        "purl": package["purl"],
    }
    if package["name"] in LICENCES:
        found["licenses"] = [{"expression": LICENCES[package["name"]]}]
    return {**found, "components": files}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root, found, packages = linked()
    others = sorted([*(packages[name] for name in found if name != root), standard_library()], key=purl)
    systems = [of_the_system(entry) for entry in system(sys.argv[1])]
    needs = {purl(packages[name]): {purl(packages[on]) for on in on_these} for name, on_these in found.items()}
    needs[purl(packages[root])] |= {purl(standard_library()), *(component["bom-ref"] for component in systems)}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(packages[root], "application")},
        "components": [*(component(package, "library") for package in others), *systems],
        "dependencies": [{"ref": name, "dependsOn": sorted(needs[name])} for name in sorted(needs)],
    }
    print(json.dumps(document, indent=1))


main()
