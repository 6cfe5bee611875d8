#!/usr/bin/env bash
# Pay one customer by four payment methods, and by a phone number at Venmo: set their details, pay, follow each payment.
# The account ids and numbers are test values of the simulators that `make run` starts. Fails if a
# result is not the expected one.
#   curl/ways.sh [CUSTOMER_ID]
here=$(dirname "$0")
source "$here/common.sh"

customer=${1:-ways-$(date +%s)-$$}

say() { printf '\n# %s\n' "$*"; }
expect() { # expect NAME EXPECTED ACTUAL
  [ "$2" = "$3" ] || { echo "ways: $1 is '$3', not '$2'" >&2; exit 1; }
}
pay() { # pay METHOD AMOUNT STATUS: pay, and wait until the payment has that status
  paid=$(METHOD=$1 "$here/pay_customer.sh" "$customer" "$2" USD)
  expect payment_method "${1:-stripe}" "$(field payment_method <<<"$paid")"
  payment_id=$(field payment_id <<<"$paid")
  for _ in $(seq 240); do
    payment=$("$here/get_payment.sh" "$customer" "$payment_id")
    [ "$(field status <<<"$payment")" = "$3" ] && break
    sleep 0.5
  done
  expect status "$3" "$(field status <<<"$payment")"
  echo "$payment"
}

say "Register $customer, and set their details for Stripe and ACH"
"$here/add_customer.sh" "$customer"
DEFAULT=true "$here/put_payment_method.sh" "$customer" stripe account=acct_simok0001
"$here/put_payment_method.sh" "$customer" ach "holder=Ada Lovelace" routing_number=021000021 \
  account_number=000123456789 account_type=checking
"$here/list_payment_methods.sh" "$customer"

say "By PayPal, to their e-mail"
pay paypal 1.01 succeeded

say "By PayPal, to their phone number at Venmo; it is stored sealed, and shown by its last digits"
"$here/put_payment_method.sh" "$customer" paypal phone=+14155550100 wallet=venmo
DESCRIPTION="For the books" pay paypal 1.02 succeeded

say "By their default method, a transfer to their Stripe account"
pay "" 2.02 succeeded

say "By Stripe's Global Payouts, to the bank account of a recipient who is made of their details"
"$here/put_payment_method.sh" "$customer" stripe given_name=Ada surname=Lovelace \
  email="$customer@example.com" country=US currency=USD routing_number=110000000 \
  account_number=000123456789
pay stripe 2.03 succeeded

say "By ACH: a file to the bank, then simulated banking days of ten seconds"
OPTIONS=entry_description=PAYROLL pay ach 3.03 succeeded

say "By ACH to an account that the bank does not know: the payment is returned"
"$here/put_payment_method.sh" "$customer" ach "holder=Ada Lovelace" routing_number=021000021 \
  account_number=R03 account_type=checking
pay ach 4.04 returned

say "By OpenACH: it waits for the server's nightly run, which says nothing of its outcome for days"
"$here/put_payment_method.sh" "$customer" openach "holder=Ada Lovelace" routing_number=021000021 \
  account_number=000123456789 account_type=checking
pay openach 5.05 submitted

say "Done: every result is the expected one"
