output "url" {
  description = "Address of the API; PAYMENTAPP_URL of the scripts in curl/."
  value       = "https://${coalesce(var.domain, azurerm_cdn_frontdoor_endpoint.this.host_name)}"
}

output "webhook_url" {
  description = "Address to register with PayPal, which returns the webhook's id (paypal_webhook_id)."
  value       = "https://${coalesce(var.domain, azurerm_cdn_frontdoor_endpoint.this.host_name)}/webhooks/paypal"
}

output "domain_records" {
  description = "Records of the domain: a CNAME to Front Door, and the TXT record _dnsauth by which the domain is proved; null without a domain."
  value = var.domain == null ? null : {
    cname = azurerm_cdn_frontdoor_endpoint.this.host_name
    txt   = azurerm_cdn_frontdoor_custom_domain.this[0].validation_token
  }
}

output "registry" {
  description = "Name of the registry, and of the server in the names of its images."
  value = {
    name   = azurerm_container_registry.this.name
    server = azurerm_container_registry.this.login_server
  }
}

output "secrets" {
  description = "Vault and name of each secret whose value is to be set, by variable."
  value       = { for variable, name in local.secret_names : variable => { vault = azurerm_key_vault.this[local.secret_vaults[variable]].name, name = name } }
}

output "resource_group" {
  description = "Name of the resource group."
  value       = azurerm_resource_group.this.name
}

output "environment_id" {
  description = "Id of the environment, whose private link from Front Door is to be approved once."
  value       = azurerm_container_app_environment.this.id
}

output "database" {
  description = "Name of the database server, for backups and restores."
  value       = azurerm_postgresql_flexible_server.this.name
}

output "first_key_vault" {
  description = "Name of the vault whose secret `first-key` is a key of the service."
  value       = azurerm_key_vault.this["keys"].name
}
