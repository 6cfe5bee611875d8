# Shared by the scripts in this folder: where the service is, who calls, and how.
#
#   PAYMENTAPP_URL   default http://127.0.0.1:${PORT:-8000}
#   PAYMENTAPP_KEY   an API key; not needed where `make run` serves

set -euo pipefail

url=${PAYMENTAPP_URL:-http://127.0.0.1:${PORT:-8000}}
auth=()
if [ -n "${PAYMENTAPP_KEY:-}" ]; then
  auth=(-H "Authorization: Bearer $PAYMENTAPP_KEY")
fi

# call METHOD PATH [CURL ARGUMENTS...]: the answer's body on standard output; fails on an error.
call() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --max-time 40 \
    --request "$method" "${auth[@]}" "$@" "$url$path"
  echo
}

# send METHOD PATH BODY [CURL ARGUMENTS...]: the same, with a JSON body.
send() {
  local method=$1 path=$2 body=$3
  shift 3
  call "$method" "$path" --header 'Content-Type: application/json' --data "$body" "$@"
}

# field NAME: the first string of that name in a JSON answer on standard input.
field() {
  grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}
