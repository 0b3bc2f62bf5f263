#!/usr/bin/env bash
# image.sh PROGRAM NAME: builds the image NAME from a program that is built already, with buildah, and prints its size in bytes.
# Twice from the same input is twice the same image.
set -euo pipefail

program=${1:?"which program? image.sh PROGRAM NAME"}
name=${2:?"which name? image.sh PROGRAM NAME"}
here=$(cd "$(dirname "$0")" && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
"$here/rootfs.sh" "$program" "$context/rootfs"
buildah build --quiet --isolation chroot --timestamp "$SOURCE_DATE_EPOCH" --tag "$name" \
  --file "$here/Containerfile" "$context" >&2
du --summarize --bytes "$context/rootfs" | cut -f1
