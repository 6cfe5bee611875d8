#!/usr/bin/env bash
# A complete example: register a customer, pay, retry without paying twice, follow the payment,
# list payments, correct the customer's e-mail address, and recall a payment that nobody claims. Fails if a result is not the expected one.
#   curl/story.sh [CUSTOMER_ID]
here=$(dirname "$0")
source "$here/common.sh"

customer=${1:-story-$(date +%s)-$$}
key="story-$customer"

say() { printf '\n# %s\n' "$*"; }
expect() { # expect NAME EXPECTED ACTUAL
  [ "$2" = "$3" ] || { echo "story: $1 is '$3', not '$2'" >&2; exit 1; }
}
settle() { # settle CUSTOMER PAYMENT STATUS: wait until the payment has that status
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

say "Pay 12.50 USD with a reference of our own; the answer does not wait for PayPal"
export REFERENCE="invoice-$customer" DESCRIPTION="Invoice 1007"
paid=$(IDEMPOTENCY_KEY=$key "$here/pay_customer.sh" "$customer" 12.50 USD)
echo "$paid"
payment_id=$(field payment_id <<<"$paid")
expect reference "$REFERENCE" "$(field reference <<<"$paid")"

say "Retry the same request, as after a lost answer: it returns the same payment"
again=$(IDEMPOTENCY_KEY=$key "$here/pay_customer.sh" "$customer" 12.50 USD)
expect payment_id "$payment_id" "$(field payment_id <<<"$again")"
echo "payment_id $payment_id, again"
unset REFERENCE DESCRIPTION

say "Follow the payment until it succeeds"
settle "$customer" "$payment_id" succeeded
echo "$payment"

say "List the payments to $customer"
"$here/list_payments.sh" "$customer" "limit=10&status=succeeded"

say "Find the payment by its reference, among the payments of all customers"
found=$("$here/list_account_payments.sh" "reference=invoice-$customer")
expect payment_id "$payment_id" "$(field payment_id <<<"$found")"

say "Correct the e-mail address of $customer, and find the customer by it"
"$here/change_customer.sh" "$customer" "{\"email\": \"new-$customer@example.com\"}"
found=$("$here/list_customers.sh" "email=new-$customer@example.com")
expect customer_id "$customer" "$(field customer_id <<<"$found")"
paid=$("$here/pay_customer.sh" "$customer" 2.50 USD "new-$customer@example.com")
settle "$customer" "$(field payment_id <<<"$paid")" succeeded

say "Recall a payment that a recipient without a PayPal account does not claim"
"$here/add_customer.sh" "unclaimed-$customer"
paid=$("$here/pay_customer.sh" "unclaimed-$customer" 5 EUR)
payment_id=$(field payment_id <<<"$paid")
settle "unclaimed-$customer" "$payment_id" unclaimed
"$here/cancel_payment.sh" "unclaimed-$customer" "$payment_id"
settle "unclaimed-$customer" "$payment_id" cancelled

say "Done: every result is the expected one"
