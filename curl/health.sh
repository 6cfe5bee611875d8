#!/usr/bin/env bash
# Show whether the service is alive, whether it is ready, and, to a key with the scope payments:read
# or reports:read, each check of that.   curl/health.sh
source "$(dirname "$0")/common.sh"

call GET /healthz
ready=0
call GET /readyz || ready=$?
call GET /v1/api/readiness || true
exit "$ready"
