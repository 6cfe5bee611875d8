"""`python -m paymentapp` is the command `paymentapp`."""

from paymentapp.cli import main

main()
