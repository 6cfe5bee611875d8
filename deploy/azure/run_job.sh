#!/bin/sh
# Start a job of Container Apps and wait for its end: run_job.sh RESOURCE_GROUP JOB
# Its exit status is 0 where the job has succeeded.
set -eu

execution=$(az containerapp job start --resource-group "$1" --name "$2" --query name --output tsv)
waited=0
while [ "$waited" -lt 400 ]; do
  status=$(az containerapp job execution show --resource-group "$1" --name "$2" \
    --job-execution-name "$execution" --query properties.status --output tsv)
  case "$status" in
    Succeeded) exit 0 ;;
    Failed | Stopped | Degraded)
      echo "job $2: $execution: $status; its log is in the workspace" >&2
      exit 1 ;;
  esac
  waited=$((waited + 1))
  sleep "${RUN_JOB_SECONDS:-10}"
done
echo "job $2: $execution has not ended" >&2
exit 1
