# `init` makes the roles that serve, and makes and changes the tables as their owner, before each new
# image serves. It creates the first key of the service, without which that does not start, and puts it
# into a vault, so that no log has it.

locals {
  # Where callers have tokens of an OIDC issuer, the service starts without keys.
  init_steps = concat(
    ["python -c \"$MAKE_ROLES\"", "paymentapp init"],
    contains(keys(var.settings), "PAYMENTAPP_OIDC_ISSUER") ? [] : ["python -c \"$MAKE_KEY\" --if-none first"],
  )

  init_environment = {
    PAYMENTAPP_STORE               = "postgresql://${azurerm_user_assigned_identity.this["init"].name}@${local.database_place}"
    PAYMENTAPP_POSTGRESQL_IDENTITY = "azure"
    PAYMENTAPP_POSTGRESQL_ROLE     = join(" ", [for name in keys(local.run) : azurerm_user_assigned_identity.this[name].name])
    PAYMENTAPP_PAYPAL_CREDENTIALS  = "elsewhere"
    AZURE_CLIENT_ID                = azurerm_user_assigned_identity.this["init"].client_id
    MAKE_ROLES                     = file("${path.module}/make_roles.py")
    MAKE_KEY                       = file("${path.module}/../first_key.py")
    FIRST_KEY_VAULT                = azurerm_key_vault.this["keys"].vault_uri
    SERVING_ROLES                  = jsonencode({ for name in keys(local.run) : azurerm_user_assigned_identity.this[name].name => azurerm_user_assigned_identity.this[name].principal_id })
  }
}

resource "azurerm_container_app_job" "init" {
  count = local.is_deployed ? 1 : 0

  name                         = "${var.name}-init"
  resource_group_name          = azurerm_resource_group.this.name
  location                     = azurerm_resource_group.this.location
  container_app_environment_id = azurerm_container_app_environment.this.id
  workload_profile_name        = "Consumption"
  replica_timeout_in_seconds   = 3600 # an index of a large table takes its time
  replica_retry_limit          = 0
  tags                         = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this["init"].id]
  }

  registry {
    server   = azurerm_container_registry.this.login_server
    identity = azurerm_user_assigned_identity.this["init"].id
  }

  manual_trigger_config {
    parallelism              = 1
    replica_completion_count = 1
  }

  template {
    container {
      name    = "init"
      image   = var.image
      cpu     = 0.5
      memory  = "1Gi"
      command = ["/bin/sh"]
      args    = ["-c", join(" && ", local.init_steps)]

      dynamic "env" {
        for_each = local.init_environment

        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }

  depends_on = [
    azurerm_role_assignment.image,
    azurerm_role_assignment.first_key,
    azurerm_private_endpoint.vault,
    azurerm_postgresql_flexible_server_active_directory_administrator.init,
    azurerm_postgresql_flexible_server_configuration.this,
  ]
}

# For each image once, and before the apps get it. A failed one is run again by the next apply.
resource "terraform_data" "init" {
  count = local.is_deployed ? 1 : 0

  triggers_replace = [var.image, azurerm_container_app_job.init[0].id]

  provisioner "local-exec" {
    command = "${path.module}/run_job.sh ${azurerm_resource_group.this.name} ${azurerm_container_app_job.init[0].name}"
  }
}
