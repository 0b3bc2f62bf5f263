#!/usr/bin/env python3
"""notices.py PROGRAM: prints the notices that the licences of what is in the image ask for: every crate that is linked into this program,
Rust's own library, and every package of the system that comes with it, with version and licence, then the texts, each once.

The texts are those in the sources that cargo has fetched, in the toolchain, and in the packages of the system.
"""

import html
import pathlib
import re
import sys

from contents import LICENCES, linked, standard_library, system

TEXT = re.compile(r"(LICEN[CS]E|NOTICE|COPYING|COPYRIGHT|UNLICENSE)([-._ ].*)?", re.IGNORECASE)
# Programs and data that happen to have such a name.
NO_TEXT = {".rs", ".py", ".json", ".toml", ".html", ".c", ".h"}
HEAD = """Third-party notices of soc2-operator
====================================

The image has the operator, under the Apache License 2.0 (LICENSE, beside this file), and what is listed here. The numbers are those of
the texts below.

"""


def texts_in(folder):
    """Licences and notices in a source folder, also those of C libraries that a crate brings."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and TEXT.fullmatch(path.name) and path.suffix not in NO_TEXT:
            yield path.read_text(encoding="utf-8", errors="replace")


def plain(page):
    """The text of a page in HTML."""
    text = html.unescape(re.sub(r"<[^>]*>", "", page.partition("<body>")[2]))
    return re.sub(r"\n\s*\n+", "\n\n", text)


def parts(program):
    """(title, texts) of all that is in the image and not ours."""
    root, found, packages = linked()
    for package in sorted((packages[name] for name in found), key=lambda package: (package["name"], package["version"])):
        # Our own crates are in the workspace, and from nowhere else.
        if package["source"] is None:
            continue
        texts = list(texts_in(pathlib.Path(package["manifest_path"]).parent))
        title = f"{package['name']} {package['version']}: {package['license'] or 'see the text'}"
        if not texts:
            by = "; ".join(package["authors"])
            title += f" (no text in its source{'; by ' + by if by else ''}; {package['repository'] or 'no repository'})"
        yield title, texts
    rust = standard_library()
    text = [plain(rust["notices"].read_text(encoding="utf-8"))] if rust["notices"] else []
    yield f"{rust['name']} {rust['version']}: {rust['license']}", text
    for entry in system(program):
        package, files = entry["package"], ", ".join(sorted(entry["files"]))
        if package is None:
            yield f"{files}: of the system that built the image", []
            continue
        licence = LICENCES.get(package["name"], "see the text")
        text = [package["copyright"].read_text(encoding="utf-8", errors="replace")] if package["copyright"] else []
        yield f"{package['name']} {package['version']}: {licence} ({files}; {package['purl']})", text


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    numbers, lines = {}, []
    for title, texts in parts(sys.argv[1]):
        # Line ends and blanks at the end make no other text.
        stripped = ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in texts]
        listed = [numbers.setdefault(text, len(numbers) + 1) for text in stripped]
        numbered = " ".join(f"[{number}]" for number in dict.fromkeys(listed))
        lines.append(f"{title} {numbered}".rstrip() + "\n")
    rule = "-" * 80
    print(HEAD + "".join(lines) + "".join(f"\n{rule}\n[{number}]\n\n{text}\n" for text, number in numbers.items()), end="")


main()
