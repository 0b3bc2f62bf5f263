"""The image: what is in it, that the program in it starts, that two builds are the same one; and its bill of materials."""

import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = ROOT / "deploy" / "image"
PROGRAM = os.environ.get("SOC2_OPERATOR") or str(ROOT / "target" / "debug" / "soc2-operator")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image") / "rootfs"
    run(IMAGE / "rootfs.sh", PROGRAM, folder)
    return folder


def test_the_file_system_has_the_program_and_no_shell(rootfs):
    files = sorted(str(path.relative_to(rootfs)) for path in rootfs.rglob("*") if path.is_file())
    libraries = [name for name in files if ".so" in name]
    assert [name for name in files if name not in libraries] == [
        "etc/group",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/bin/soc2-operator",
        "usr/share/doc/soc2-operator/LICENSE",
        "usr/share/doc/soc2-operator/sbom.cdx.json",
        "usr/share/doc/soc2-operator/third-party-notices.txt.gz",
    ]
    # The C library, its mathematics, the compiler's runtime, the loader.
    assert len(libraries) <= 5, libraries
    assert "65532" in (rootfs / "etc/passwd").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_the_program_starts_with_nothing_but_that(rootfs):
    said = run("chroot", "--userspec=65532:65532", rootfs, "/usr/bin/soc2-operator", "--version")
    assert said.startswith("soc2-operator ")


@pytest.fixture(scope="module")
def bill(rootfs):
    return json.loads((rootfs / "usr/share/doc/soc2-operator/sbom.cdx.json").read_text())


def test_the_bill_of_materials_names_what_is_linked(bill):
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    names = {component["name"] for component in bill["components"]}
    # Linked, used only while building, used only in tests, and a feature that nothing turns on.
    assert {"kube-client", "aws-sdk-organizations", "rustls", "rust-std"} <= names
    assert names.isdisjoint({"syn", "cc", "proptest", "insta", "ring"})
    assert all(component["licenses"] for component in bill["components"] if component.get("purl", "").startswith("pkg:cargo/"))
    references = [component["bom-ref"] for component in bill["components"]]
    assert len(references) == len(set(references))
    needed = {name for dependency in bill["dependencies"] for name in dependency["dependsOn"]}
    assert needed == set(references) - {bill["metadata"]["component"]["bom-ref"]}
    assert run(IMAGE / "sbom.py", PROGRAM) == run(IMAGE / "sbom.py", PROGRAM)


def test_the_bill_of_materials_names_every_file_of_the_system(rootfs, bill):
    files = [file for component in bill["components"] for file in [component, *component.get("components", [])] if file["type"] == "file"]
    named = {file["name"]: file["hashes"][0]["content"] for file in files}
    libraries = {f"/{path.relative_to(rootfs)}" for path in rootfs.rglob("*.so*") if path.is_file()}
    assert set(named) == libraries | {"/etc/ssl/certs/ca-certificates.crt"}
    for name, digest in named.items():
        assert hashlib.sha256((rootfs / name[1:]).read_bytes()).hexdigest() == digest, name


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="the packages of this system are not Debian's")
def test_the_bill_of_materials_has_packages_and_versions_of_the_system(bill):
    packages = {component["name"]: component for component in bill["components"] if component.get("purl", "").startswith("pkg:deb/")}
    assert {"libc6", "libgcc-s1"} <= set(packages)
    for name, component in packages.items():
        assert component["version"] == run("dpkg-query", "--show", "--showformat=${Version}", name)
        assert component["licenses"]


def test_the_notices_name_everything_in_the_bill_of_materials(rootfs, bill):
    packed = rootfs / "usr/share/doc/soc2-operator/third-party-notices.txt.gz"
    notices = gzip.decompress(packed.read_bytes()).decode()
    listed = notices.partition("\n[1]\n")[0]
    for component in bill["components"]:
        # Our own crates are under the LICENSE beside it.
        if not component["name"].startswith("soc2-"):
            assert f"\n{component['name']}{' ' + component['version'] if 'version' in component else ''}: " in listed
    # What the MIT, ISC and BSD licences ask for: the copyright line with the permission.
    for text in [
        "Permission is hereby granted, free of charge",
        "Permission to use, copy, modify, and/or distribute",
        "Redistributions in binary form must reproduce",
        "Copyright (c) Tokio Contributors",
        "The Rust Standard Library is dual-licensed",
    ]:
        assert text in notices
    assert packed.stat().st_size < 1_000_000


@pytest.mark.skipif(shutil.which("buildah") is None, reason="there is no buildah")
def test_two_builds_are_one_image(tmp_path):
    store = {**os.environ, "SOURCE_DATE_EPOCH": "1", "STORAGE_DRIVER": "vfs"}
    root = ("--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    storage = tmp_path / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{root[1]}"\nrunroot = "{root[3]}"\n')
    store["CONTAINERS_STORAGE_CONF"] = str(storage)
    ids = []
    for _ in range(2):
        size = run(IMAGE / "image.sh", PROGRAM, "soc2-operator:test", env=store)
        ids.append(run("buildah", "images", "--quiet", "--no-trunc", "soc2-operator:test", env=store))
    print(f"image: {int(size) / 1e6:.1f} MB of the debug program")
    assert ids[0] == ids[1]
