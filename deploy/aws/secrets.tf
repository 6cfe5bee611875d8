# The secrets without their values: a value in Terraform would be in the state in plain text. README.md
# has the commands that set them. Each has a purpose, and only the functions that need it read it.

locals {
  further_secrets = {
    vault    = "The vault's keys, which seal the signing secrets of webhook endpoints: PAYMENTAPP_VAULT_KEYS, as JSON"
    webhooks = "Secrets that verify providers' webhooks and move no money, by their variables' names, as JSON"
  }

  # Without PayPal's credentials its webhooks are verified offline.
  asks_paypal = try(var.settings["PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY"], "offline") == "paypal"

  # By secret: who moves money reads the providers' credentials; who signs events reads the vault's
  # keys; who verifies or applies webhooks reads the secrets for that.
  secret_readers = var.undivided_credentials ? { paypal = keys(local.functions) } : {
    paypal   = concat(["dispatch", "sweep"], local.asks_paypal ? ["api"] : [])
    vault    = concat(["deliver"], var.api_registers_endpoints ? ["api"] : [])
    webhooks = ["api", "sweep"]
  }

  credentials_arns = {
    for function in keys(local.functions) : function =>
    [for arn in [aws_secretsmanager_secret.paypal.arn] : arn if contains(local.secret_readers.paypal, function)]
  }

  further_secret_arns = {
    for function in keys(local.functions) : function =>
    [for name, secret in aws_secretsmanager_secret.further : secret.arn if contains(try(local.secret_readers[name], []), function)]
  }

  secret_arns = {
    for function in keys(local.functions) : function =>
    concat(local.credentials_arns[function], local.further_secret_arns[function])
  }

  # A function without the credentials accepts, shows and verifies, and calls no provider.
  secrets_environment = {
    for function in keys(local.functions) : function => merge(
      { for arn in local.credentials_arns[function] : "PAYMENTAPP_PAYPAL_SECRET_ARN" => arn },
      length(local.further_secret_arns[function]) == 0 ? {} : {
        PAYMENTAPP_SECRET_ARNS = join(",", local.further_secret_arns[function])
      },
      contains(local.secret_readers.paypal, function) ? {} : merge(
        { PAYMENTAPP_PAYPAL_CREDENTIALS = "elsewhere" },
        var.stripe ? { PAYMENTAPP_STRIPE_CREDENTIALS = "elsewhere" } : {},
        var.openach ? { PAYMENTAPP_OPENACH_CREDENTIALS = "elsewhere" } : {},
      ),
    )
  }
}

resource "aws_secretsmanager_secret" "paypal" {
  name                    = "${var.name}/paypal"
  description             = "Providers' credentials, which move money: PayPal's client_id and client_secret, and Stripe's and OpenACH's by their variables' names, as JSON"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "further" {
  for_each = var.further_credentials

  name                    = "${var.name}/${each.key}"
  description             = local.further_secrets[each.key]
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}
