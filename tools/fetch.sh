#!/bin/sh
# Downloads a file and keeps it only if it is the right one.
#
#   sh tools/fetch.sh URL FILE SHA256
#
# What has arrived so far is FILE.part; a download that was cut off goes on from there. When it is complete and its
# SHA-256 is the given one, it gets its name, all at once.
set -eu
if [ $# -ne 3 ]; then
  echo "usage: sh tools/fetch.sh URL FILE SHA256" >&2
  exit 2
fi
url=$1 file=$2 expected=$3

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d ' ' -f 1
  else shasum -a 256 "$1" | cut -d ' ' -f 1
  fi
}

if [ -f "$file" ] && [ "$(sha256 "$file")" = "$expected" ]; then
  echo "$file is there already, and it is the right one"
  exit 0
fi
command -v curl >/dev/null 2>&1 || { echo "error: curl is not installed; it does the download" >&2; exit 4; }
mkdir -p "$(dirname "$file")"
# A whole .part needs no more bytes, and some servers call asking for none an error.
if ! [ -f "$file.part" ] || [ "$(sha256 "$file.part")" != "$expected" ]; then
  curl --fail --location --continue-at - --output "$file.part" "$url" || {
    echo "error: the download of $url did not finish; run the same command again to go on" >&2
    exit 4
  }
fi
got=$(sha256 "$file.part")
if [ "$got" != "$expected" ]; then
  rm -f "$file.part"
  echo "error: $url is not the file that was meant: its SHA-256 is $got, not $expected; it was removed" >&2
  exit 3
fi
mv "$file.part" "$file"
echo "$file"
