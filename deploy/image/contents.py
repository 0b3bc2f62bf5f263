"""What is in the image besides the operator's own code: crates, system libraries, certificate authorities. For sbom.py and notices.py."""

import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tomllib
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "soc2-operator"
TARGET = f"{platform.machine()}-unknown-linux-gnu"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# What packages of the system say of their licences is for people to read; these are the ones that we expect.
LICENCES = {
    "libc6": "LGPL-2.1-or-later",
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "ca-certificates": "MPL-2.0",
}


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked", "--offline"]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def linked():
    """The id of our package, ids of the packages that are linked by what they depend on, and all packages by id."""
    metadata = json.loads(cargo("metadata", "--format-version=1", f"--filter-platform={TARGET}"))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    # The metadata have the dependencies of every feature that something in the workspace could turn on; the tree those that are on.
    tree = cargo("tree", "--workspace", "--edges=normal,no-proc-macro", f"--target={TARGET}", "--prefix=none", "--format={p}")
    on = set(re.findall(r"^(\S+) v(\S+)", tree, flags=re.M))
    built = {name for name, package in packages.items() if (package["name"], package["version"]) in on}
    # Not what is needed only while building or testing: build and development dependencies, and macros.
    macros = {name for name, p in packages.items() if any("proc-macro" in target["kind"] for target in p["targets"])}
    normal = {
        name: [
            d["pkg"]
            for d in node["deps"]
            if d["pkg"] in built - macros and any(kind["kind"] is None for kind in d["dep_kinds"])
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


def standard_library():
    """Rust's own library, which no Cargo.lock has: name, version, licence, purl, and the file with its notices where the toolchain has one."""
    toolchain = tomllib.loads((REPOSITORY / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    sysroot = said("rustc", "--print=sysroot")
    notices = pathlib.Path(sysroot) / "share/doc/rust/COPYRIGHT-library.html"
    return {
        "name": "rust-std",
        "version": toolchain,
        "license": "MIT OR Apache-2.0",
        "purl": f"pkg:generic/rust-std@{toolchain}",
        "notices": notices if sysroot and notices.exists() else None,
    }


def said(*command):
    """What a command says, or nothing where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def package_of(path):
    """The package of the system that a file is from, or None. Where /lib is a link to /usr/lib, a package knows one of the two names."""
    other = path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}"
    for name in dict.fromkeys([path, other, os.path.realpath(path)]):
        owner = said("dpkg", "-S", name)
        if owner:
            return owner.splitlines()[0].rpartition(": ")[0].split(",")[0]
    return None


def described(package):
    """Name, version, purl and copyright file of a package of the system, or None."""
    shown = said("dpkg-query", "--show", "--showformat=${Package} ${Version} ${Architecture}", package)
    if not shown:
        return None
    name, version, architecture = shown.split()
    system = platform.freedesktop_os_release()
    escaped = urllib.parse.quote(version, safe=":~")
    purl = f"pkg:deb/{system['ID']}/{name}@{escaped}?arch={architecture}&distro={system['ID']}-{system.get('VERSION_ID', '')}"
    copyright_ = pathlib.Path(f"/usr/share/doc/{name}/copyright")
    return {"name": name, "version": version, "purl": purl, "copyright": copyright_ if copyright_.exists() else None}


def system(program):
    """Packages with their files: the libraries that rootfs.sh copies for a program, and the certificate authorities. A file that no
    package has stands for itself."""
    # The same as in rootfs.sh: a static program has none of these lines.
    libraries = sorted(set(re.findall(r"/[^ \n]+", said("ldd", os.path.abspath(program)))))
    authorities = os.environ.get("SSL_CERT_FILE", AUTHORITIES)
    found = {}
    for path, owner in [*((path, package_of(path)) for path in libraries), (authorities, None)]:
        # The bundle is put together when its package is installed; it is no file of it.
        owner = "ca-certificates" if path == AUTHORITIES else owner
        package = owner and described(owner)
        placed = AUTHORITIES if path == authorities else path
        entry = found.setdefault(package["name"] if package else placed, {"package": package, "files": {}})
        entry["files"][placed] = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    return [found[name] for name in sorted(found)]
