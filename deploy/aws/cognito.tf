# Optional: a Cognito user pool whose access tokens the service accepts instead of its own keys.
# People sign in by the pool's client, and may do what their groups grant. Programs get clients of
# their own, which are made outside of Terraform: their secrets would be in the state.

locals {
  # As the service's own (paymentapp/models/actors.py); tests/aws/test_terraform.py compares them.
  scopes = {
    "customers:read"   = "show customers, their payment methods and histories"
    "customers:write"  = "register customers, change their attributes, and erase them"
    "payees:write"     = "change the payment methods and e-mail addresses of customers"
    "payments:read"    = "list and show payments, show the use of limits and balances"
    "payments:write"   = "request payments, and cancel and retry the client's own"
    "payments:approve" = "approve and reject payments"
    "payments:hold"    = "hold and release payments, and cancel those of any client"
    "webhooks:write"   = "manage webhook endpoints, which receive every event"
    "reports:read"     = "read reports"
    "admin"            = "everything"
  }
  bundles = ["read", "write"]

  # What a group grants, and what a scope of the resource server grants, whose identifier Cognito
  # puts before its name.
  scopes_map = merge(
    { for group, granted in var.cognito_groups : group => join(" ", sort(granted)) },
    { for scope in keys(local.scopes) : "${var.name}/${scope}" => scope },
  )

  oidc_environment = var.cognito ? {
    PAYMENTAPP_OIDC_ISSUER       = "https://${aws_cognito_user_pool.this[0].endpoint}"
    PAYMENTAPP_OIDC_AUDIENCE     = join(" ", concat([aws_cognito_user_pool_client.people[0].id], sort(var.cognito_clients)))
    PAYMENTAPP_OIDC_SCOPES_CLAIM = "cognito:groups scope"
    PAYMENTAPP_OIDC_SCOPES_MAP   = join("; ", [for value, granted in local.scopes_map : "${value}=${granted}"])
  } : {}
}

resource "aws_cognito_user_pool" "this" {
  count = var.cognito ? 1 : 0

  name                = var.name
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  mfa_configuration   = "OPTIONAL"

  software_token_mfa_configuration {
    enabled = true
  }

  # Only an administrator adds people: whoever is in the pool has an identity that may be granted
  # the right to pay.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = false
    require_uppercase                = true
    temporary_password_validity_days = 7
  }

  username_configuration {
    case_sensitive = false
  }
}

# Public, so without a secret: the password, or its proof, is the person's.
resource "aws_cognito_user_pool_client" "people" {
  count = var.cognito ? 1 : 0

  name                                 = "${var.name}-people"
  user_pool_id                         = aws_cognito_user_pool.this[0].id
  generate_secret                      = false
  explicit_auth_flows                  = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
  allowed_oauth_flows_user_pool_client = false

  # A token cannot be taken back, so it ends soon.
  access_token_validity  = 15
  id_token_validity      = 15
  refresh_token_validity = 1

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

# For programs: where they get tokens, and the scopes that their clients may be allowed.
resource "aws_cognito_user_pool_domain" "this" {
  count = var.cognito ? 1 : 0

  domain       = "${var.name}-${data.aws_caller_identity.current.account_id}"
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_resource_server" "this" {
  count = var.cognito ? 1 : 0

  identifier   = var.name
  name         = var.name
  user_pool_id = aws_cognito_user_pool.this[0].id

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

resource "aws_cognito_user_group" "this" {
  for_each = var.cognito ? var.cognito_groups : {}

  name         = each.key
  description  = join(" ", sort(each.value))
  user_pool_id = aws_cognito_user_pool.this[0].id
}

# Without a password: it would be in the state. README.md has the command that sets one.
resource "aws_cognito_user" "this" {
  for_each = var.cognito ? var.cognito_users : {}

  user_pool_id   = aws_cognito_user_pool.this[0].id
  username       = each.key
  message_action = "SUPPRESS"
}

resource "aws_cognito_user_in_group" "this" {
  for_each = var.cognito ? merge([
    for user, groups in var.cognito_users : { for group in groups : "${user}/${group}" => { user = user, group = group } }
  ]...) : {}

  user_pool_id = aws_cognito_user_pool.this[0].id
  username     = aws_cognito_user.this[each.value.user].username
  group_name   = aws_cognito_user_group.this[each.value.group].name
}
