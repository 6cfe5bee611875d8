# The records of all payments. A standby in another zone has each commit before it is confirmed, and the
# archived log restores any moment of the last `backup_days`. There is no password: who connects shows a
# token of Entra ID.

resource "azurerm_postgresql_flexible_server" "this" {
  name                          = coalesce(var.database_server, "${var.name}-${local.suffix}")
  resource_group_name           = azurerm_resource_group.this.name
  location                      = azurerm_resource_group.this.location
  version                       = "17"
  sku_name                      = var.database_sku
  storage_mb                    = 1024 * var.database_disk_gb
  auto_grow_enabled             = true
  zone                          = "1"
  delegated_subnet_id           = azurerm_subnet.database.id
  private_dns_zone_id           = azurerm_private_dns_zone.this["database"].id
  public_network_access_enabled = false
  backup_retention_days         = var.backup_days
  geo_redundant_backup_enabled  = var.geo_redundant_backup
  tags                          = var.tags

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = data.azurerm_client_config.current.tenant_id
  }

  dynamic "high_availability" {
    for_each = var.database_standby ? ["ZoneRedundant"] : []

    content {
      mode                      = high_availability.value
      standby_availability_zone = "2"
    }
  }

  maintenance_window {
    day_of_week = 0
    start_hour  = 4
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.this]

  lifecycle {
    # After a failover the zones have changed places.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]

    precondition {
      condition     = local.connections_max <= var.database_connections
      error_message = "Instances times processes times connections_per_process exceed database_connections."
    }
  }
}

locals {
  database_settings = {
    "max_connections"            = tostring(var.database_connections)
    "require_secure_transport"   = "on"
    "connection_throttle.enable" = "on"
    "log_checkpoints"            = "on"
    "log_connections"            = "on"
    "log_disconnections"         = "on"
    "log_lock_waits"             = "on"
    "log_statement"              = "ddl" # another statement has what was paid to whom
  }

  # Two revisions run side by side during an upgrade; 25 are left for people, jobs and the server itself.
  connections_max = 2 * local.processes * (var.web_instances.most + var.worker_instances) * var.connections_per_process + 25
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = local.database_settings

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = each.value
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  name      = "paymentapp"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

# The identity of the job `init` administers the server: it makes the roles that serve and owns the
# schema. No process that serves runs as it.
resource "azurerm_postgresql_flexible_server_active_directory_administrator" "init" {
  server_name         = azurerm_postgresql_flexible_server.this.name
  resource_group_name = azurerm_resource_group.this.name
  tenant_id           = data.azurerm_client_config.current.tenant_id
  object_id           = azurerm_user_assigned_identity.this["init"].principal_id
  principal_name      = azurerm_user_assigned_identity.this["init"].name
  principal_type      = "ServicePrincipal"
}

resource "azurerm_monitor_diagnostic_setting" "database" {
  name                       = "log"
  target_resource_id         = azurerm_postgresql_flexible_server.this.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "PostgreSQLLogs"
  }
}
