# One image, two apps. `web` answers callers, and no provider's credentials are in it. `worker` runs the same
# server with its dispatcher on, never scales to nothing, and has no ingress: it sends, polls, sweeps and
# delivers.

locals {
  processes = 2 # of gunicorn in each replica
  port      = 8000

  run = {
    web    = { least = var.web_instances.least, most = var.web_instances.most }
    worker = { least = var.worker_instances, most = var.worker_instances }
  }

  # Of Debian's package ca-certificates, which the image has; the server's name is checked too.
  database_options = "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt"
  database_place   = "${azurerm_postgresql_flexible_server.this.fqdn}/${azurerm_postgresql_flexible_server_database.this.name}?${local.database_options}"

  # Who may name a caller's address in X-Forwarded-For: the environment's own proxy, and Front Door
  # (learn.microsoft.com/azure/frontdoor/front-door-faq).
  trusted_proxies = "100.64.0.0/10,${var.network},147.243.0.0/16"

  environments = {
    for name in keys(local.run) : name => merge(
      {
        PAYMENTAPP_TLS             = "proxy"
        PAYMENTAPP_TRUSTED_PROXIES = local.trusted_proxies
        PAYMENTAPP_LOG_FORMAT      = "json"
        PAYPAL_BASE_URL            = var.paypal_base_url
      },
      var.paypal_webhook_id == "" ? {} : { PAYMENTAPP_PAYPAL_WEBHOOK_ID = var.paypal_webhook_id },
      local.elsewhere[name],
      var.settings,
      # What follows is not for `settings` to change.
      {
        PAYMENTAPP_STORE                  = "postgresql://${azurerm_user_assigned_identity.this[name].name}@${local.database_place}"
        PAYMENTAPP_POSTGRESQL_IDENTITY    = "azure"
        PAYMENTAPP_POSTGRESQL_CONNECTIONS = tostring(var.connections_per_process)
        PAYMENTAPP_WORKERS                = tostring(local.processes)
        PAYMENTAPP_DISPATCHER             = name == "worker" && var.dispatch_enabled ? "on" : "off"
        AZURE_CLIENT_ID                   = azurerm_user_assigned_identity.this[name].client_id
      },
    )
  }
}

resource "azurerm_log_analytics_workspace" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  retention_in_days   = var.log_retention_days
  tags                = var.tags
}

resource "azurerm_container_app_environment" "this" {
  name                               = var.name
  resource_group_name                = azurerm_resource_group.this.name
  location                           = azurerm_resource_group.this.location
  infrastructure_subnet_id           = azurerm_subnet.apps.id
  infrastructure_resource_group_name = "${var.name}-environment"
  internal_load_balancer_enabled     = true
  public_network_access              = "Disabled"
  zone_redundancy_enabled            = true
  logs_destination                   = "log-analytics"
  log_analytics_workspace_id         = azurerm_log_analytics_workspace.this.id
  tags                               = var.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }

  depends_on = [azurerm_subnet_network_security_group_association.this]
}

resource "azurerm_container_app" "this" {
  for_each = local.is_deployed ? local.run : {}

  name                         = "${var.name}-${each.key}"
  resource_group_name          = azurerm_resource_group.this.name
  container_app_environment_id = azurerm_container_app_environment.this.id
  revision_mode                = "Single"
  workload_profile_name        = "Consumption"
  tags                         = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this[each.key].id]
  }

  registry {
    server   = azurerm_container_registry.this.login_server
    identity = azurerm_user_assigned_identity.this[each.key].id
  }

  dynamic "secret" {
    for_each = { for variable, readers in var.secrets : variable => readers if contains(readers, each.key) }

    content {
      name                = local.secret_names[secret.key]
      identity            = azurerm_user_assigned_identity.this[each.key].id
      key_vault_secret_id = "${azurerm_key_vault.this[local.secret_vaults[secret.key]].vault_uri}secrets/${local.secret_names[secret.key]}"
    }
  }

  dynamic "ingress" {
    for_each = each.key == "web" ? [local.port] : []

    content {
      external_enabled           = true # within the network; the environment itself has no public address
      allow_insecure_connections = false
      target_port                = ingress.value
      transport                  = "http"

      traffic_weight {
        latest_revision = true
        percentage      = 100
      }
    }
  }

  template {
    min_replicas                     = each.value.least
    max_replicas                     = each.value.most
    termination_grace_period_seconds = 30 # gunicorn gives requests and calls ten

    dynamic "http_scale_rule" {
      for_each = each.key == "web" ? ["requests"] : []

      content {
        name                = http_scale_rule.value
        concurrent_requests = "50"
      }
    }

    container {
      name   = "service"
      image  = var.image
      cpu    = var.cpu
      memory = "${2 * var.cpu}Gi"

      dynamic "env" {
        for_each = local.environments[each.key]

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = { for variable, readers in var.secrets : variable => readers if contains(readers, each.key) }

        content {
          name        = env.key
          secret_name = local.secret_names[env.key]
        }
      }

      startup_probe {
        transport               = "HTTP"
        port                    = local.port
        path                    = "/healthz"
        interval_seconds        = 3
        failure_count_threshold = 20
      }

      liveness_probe {
        transport               = "HTTP"
        port                    = local.port
        path                    = "/healthz"
        interval_seconds        = 10
        timeout                 = 3
        failure_count_threshold = 3
      }
    }
  }

  # The tables have to be there, and who runs it has to be able to fetch the image and its secrets.
  depends_on = [
    terraform_data.init,
    azurerm_role_assignment.image,
    azurerm_role_assignment.secrets,
    azurerm_private_endpoint.vault,
  ]
}
