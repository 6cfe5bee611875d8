#!/usr/bin/env bash
# The whole story: register somebody, pay them, ask twice and pay once, follow the money, list it,
# and take back what nobody claims. Ends with an error where anything is not as it should be.
#   curl/story.sh [CUSTOMER_ID]
here=$(dirname "$0")
source "$here/common.sh"

customer=${1:-story-$(date +%s)-$$}
key="story-$customer"

say() { printf '\n# %s\n' "$*"; }
expect() { # expect WHAT WANTED GOT
  [ "$2" = "$3" ] || { echo "story: $1 is '$3', not '$2'" >&2; exit 1; }
}
settle() { # settle CUSTOMER PAYMENT STATUS: wait until the payment says so
  for _ in $(seq 60); do
    payment=$("$here/get_payment.sh" "$1" "$2")
    [ "$(field status <<<"$payment")" = "$3" ] && break
    sleep 0.5
  done
  expect status "$3" "$(field status <<<"$payment")"
}

say "The service is ready"
"$here/health.sh"

say "Register $customer"
"$here/add_customer.sh" "$customer"
"$here/get_customer.sh" "$customer"

say "Pay 12.50 USD; the answer comes before PayPal has heard of it"
paid=$(IDEMPOTENCY_KEY=$key "$here/pay_customer.sh" "$customer" 12.50 USD)
echo "$paid"
payment_id=$(field payment_id <<<"$paid")

say "The same request again, as after a lost answer: the same payment, not another"
again=$(IDEMPOTENCY_KEY=$key "$here/pay_customer.sh" "$customer" 12.50 USD)
expect payment_id "$payment_id" "$(field payment_id <<<"$again")"
echo "payment_id $payment_id, again"

say "Follow it until it has arrived"
settle "$customer" "$payment_id" succeeded
echo "$payment"

say "List what $customer has been paid"
"$here/list_payments.sh" "$customer" "limit=10&status=succeeded"

say "Somebody without a PayPal account does not claim a payment, and it is taken back"
"$here/add_customer.sh" "unclaimed-$customer"
paid=$("$here/pay_customer.sh" "unclaimed-$customer" 5 EUR)
payment_id=$(field payment_id <<<"$paid")
settle "unclaimed-$customer" "$payment_id" unclaimed
"$here/cancel_payment.sh" "unclaimed-$customer" "$payment_id"
settle "unclaimed-$customer" "$payment_id" cancelled

say "Done: all as it should be"
