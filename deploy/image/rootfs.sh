#!/usr/bin/env bash
# rootfs.sh PROGRAM FOLDER: makes the file system of the image: the program, the shared libraries that it is linked with, public
# certificate authorities, a user, the licence, the notices of what is not ours, and the bill of materials. The same for the same input: times are $SOURCE_DATE_EPOCH.
set -euo pipefail

program=${1:?"which program? rootfs.sh PROGRAM FOLDER"}
folder=${2:?"where to? rootfs.sh PROGRAM FOLDER"}
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

if [ -e "$folder" ]; then
  echo "rootfs.sh: $folder exists; name a folder that does not" >&2
  exit 1
fi
mkdir -p "$folder"/{etc/ssl/certs,usr/bin,usr/share/doc/soc2-operator,var/lib/soc2-operator,tmp}
install -m 0755 "$program" "$folder/usr/bin/soc2-operator"
# A static program has none of these lines; the loader is where the program looks for it.
ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
  install -D -m 0755 "$library" "$folder$library"
done
install -m 0644 "$authorities" "$folder/etc/ssl/certs/ca-certificates.crt"
printf 'soc2:x:65532:65532::/:/sbin/nologin\n' >"$folder/etc/passwd"
printf 'soc2:x:65532:\n' >"$folder/etc/group"
install -m 0644 "$repository/LICENSE" "$folder/usr/share/doc/soc2-operator/LICENSE"
python3 -B "$here/notices.py" "$program" | gzip -9 --no-name >"$folder/usr/share/doc/soc2-operator/third-party-notices.txt.gz"
python3 -B "$here/sbom.py" "$program" >"$folder/usr/share/doc/soc2-operator/sbom.cdx.json"
chmod 1777 "$folder/tmp"
if [ "$(id -u)" -eq 0 ]; then chown 65532:65532 "$folder/var/lib/soc2-operator"; fi
find "$folder" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
