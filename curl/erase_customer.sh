#!/usr/bin/env bash
# Erase a customer, for ever.   curl/erase_customer.sh CUSTOMER_ID
#
# It is refused (409) while payments are open. IF_MATCH is the ETag of the version to be erased; without
# it, whatever is stored is erased.
source "$(dirname "$0")/common.sh"
requires 1

call DELETE "/v1/api/customer/$1" ${IF_MATCH:+--header "If-Match: $IF_MATCH"}
