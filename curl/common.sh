# Shared by the scripts in this folder: service URL, API key, and functions that call the service.
#
#   PAYMENTAPP_URL   default http://127.0.0.1:${PORT:-8000}
#   PAYMENTAPP_KEY   an API key; not needed with `make run`

set -euo pipefail

url=${PAYMENTAPP_URL:-http://127.0.0.1:${PORT:-8000}}
auth=()
if [ -n "${PAYMENTAPP_KEY:-}" ]; then
  auth=(-H "Authorization: Bearer $PAYMENTAPP_KEY")
fi

# call METHOD PATH [CURL ARGUMENTS...]: print the response body; fail on an HTTP error.
call() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --max-time 40 \
    --request "$method" "${auth[@]}" "$@" "$url$path"
  echo
}

# send METHOD PATH BODY [CURL ARGUMENTS...]: the same with a JSON body.
send() {
  local method=$1 path=$2 body=$3
  shift 3
  call "$method" "$path" --header 'Content-Type: application/json' --data "$body" "$@"
}

# field NAME: print the first string member of that name in the JSON on standard input.
field() {
  grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}
