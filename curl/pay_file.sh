#!/usr/bin/env bash
# Pay the rows of a file in CSV.   curl/pay_file.sh FILE [PARAMETER=VALUE]...
#
# dry_run=true only checks the rows; mode=each leaves out those that are not fine; register=true
# registers customers who are unknown. The answer has the run's bulk_id: see curl/get_bulk_run.sh and
# curl/list_bulk_rows.sh. A file with the same content and parameters is one run, however often it
# is sent.
source "$(dirname "$0")/common.sh"
requires 1

file=$1
shift
query=$(IFS='&' && echo "$*")
key=$({ cat "$file" && echo "$query"; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d ' ' -f 1)
call POST "/v1/api/bulk${query:+?$query}" --header 'Content-Type: text/csv' \
  --header "Idempotency-Key: \"$key\"" --data-binary "@$file"
