# The vaults without secrets: a value in Terraform would be in the state in plain text. README.md has the
# commands that set them. Each secret is one variable of the service.

locals {
  secret_names  = { for variable in keys(var.secrets) : variable => lower(replace(variable, "_", "-")) }
  secret_vaults = { for variable, readers in var.secrets : variable => contains(readers, "web") ? "shared" : "money" }

  # A process without a provider's credentials accepts, shows and verifies, and calls no provider.
  elsewhere = {
    for reader in ["web", "worker"] : reader => merge(
      contains(try(var.secrets.PAYPAL_CLIENT_SECRET, []), reader) ? {} : { PAYMENTAPP_PAYPAL_CREDENTIALS = "elsewhere" },
      !contains(keys(var.secrets), "PAYMENTAPP_STRIPE_SECRET_KEY") || contains(try(var.secrets.PAYMENTAPP_STRIPE_SECRET_KEY, []), reader) ? {} : { PAYMENTAPP_STRIPE_CREDENTIALS = "elsewhere" },
      !contains(keys(var.secrets), "PAYMENTAPP_OPENACH_SECRET_KEY") || contains(try(var.secrets.PAYMENTAPP_OPENACH_SECRET_KEY, []), reader) ? {} : { PAYMENTAPP_OPENACH_CREDENTIALS = "elsewhere" },
    )
  }
}

resource "azurerm_key_vault" "this" {
  for_each = local.vault_readers

  name                          = "${each.key}-${local.suffix}" # of 24 letters at most
  resource_group_name           = azurerm_resource_group.this.name
  location                      = azurerm_resource_group.this.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 30
  public_network_access_enabled = length(var.operator_addresses) > 0
  tags                          = var.tags

  # From operators' addresses, to set secrets; the service comes by the private endpoint.
  network_acls {
    default_action = "Deny"
    bypass         = "None"
    ip_rules       = var.operator_addresses
  }
}

resource "azurerm_private_endpoint" "vault" {
  for_each = local.vault_readers

  name                = "${var.name}-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  subnet_id           = azurerm_subnet.endpoints.id
  tags                = var.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = azurerm_key_vault.this[each.key].id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "vault"
    private_dns_zone_ids = [azurerm_private_dns_zone.this["vault"].id]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.this]
}

# Who read which secret, and when.
resource "azurerm_monitor_diagnostic_setting" "vault" {
  for_each = local.vault_readers

  name                       = "log"
  target_resource_id         = azurerm_key_vault.this[each.key].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "AuditEvent"
  }
}
