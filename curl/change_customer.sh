#!/usr/bin/env bash
# Change a customer.   curl/change_customer.sh CUSTOMER_ID CHANGES
#
# CHANGES is a JSON merge patch, for example '{"email": "new@example.com", "country": null}'. IF_MATCH
# is the ETag of the version to be changed; without it, the one that is stored is read first.
source "$(dirname "$0")/common.sh"
requires 2

path=/v1/api/customer/$1
tag=${IF_MATCH:-$(call GET "$path" --output /dev/null --dump-header - | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')}
call PATCH "$path" --header 'Content-Type: application/merge-patch+json' --header "If-Match: $tag" --data "$2"
