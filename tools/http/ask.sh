#!/usr/bin/env bash
# Says bytes to `glass serve`, as a browser would or would not, and prints what comes back:
#   bash tools/http/ask.sh ADDRESS 'GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n'
# ADDRESS is what glass serve printed, or a file that holds it; HOST and TOKEN in the bytes stand for those of it.
set -eu
address=$1
if [ -f "$address" ]; then address=$(cat "$address"); fi
host=${address#http://}
host=${host%%/*}
bytes=${2//HOST/$host}
bytes=${bytes//TOKEN/${address#*#t=}}
exec 3<>"/dev/tcp/${host%:*}/${host##*:}"
printf '%b' "$bytes" >&3
tr -d '\r' <&3
