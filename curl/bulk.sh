#!/usr/bin/env bash
# Pay the rows of a file, and follow them.   curl/bulk.sh FILE.csv [QUERY]
#
# QUERY is for example 'mode=each' or 'dry_run=true'. The same file is paid once, however often it is sent.
source "$(dirname "$0")/common.sh"
requires 1

file=$1
query=${2:+?$2}
key=$(sha256sum <"$file" | cut -d ' ' -f 1)
run=$(call POST "/v1/api/bulk$query" --header 'Content-Type: text/csv' --data-binary "@$file" \
  --header "Idempotency-Key: \"$key\"")
id=$(field bulk_id <<<"$run")
until [ -n "$(call GET "/v1/api/bulk/$id" | field completed_at)" ]; do
  sleep 0.5
done
call GET "/v1/api/bulk/$id"
call GET "/v1/api/bulk/$id/rows?status=rejected"
