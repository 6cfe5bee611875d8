# The secret without its value: a value in Terraform would be in the state in plain text. README.md
# has the command that sets it.

resource "aws_secretsmanager_secret" "paypal" {
  name                    = "${var.name}/paypal"
  description             = "PayPal's client_id and client_secret, and further secrets by their variables' names, as JSON"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}
