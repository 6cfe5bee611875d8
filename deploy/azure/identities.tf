# Three identities: who answers callers, who calls providers, and who makes tables. Each may fetch the
# image and read the vault that is for it, and nothing else.

locals {
  identities = toset(["web", "worker", "init"])

  # A vault is read as a whole, so there is one for what moves money, which `worker` alone reads, and
  # one into which the job puts the first key of the service.
  vault_readers = {
    keys   = []
    money  = ["worker"]
    shared = ["web", "worker"]
  }

  vault_roles = {
    for pair in flatten([for vault, readers in local.vault_readers : [for reader in readers : { vault = vault, reader = reader }]]) :
    "${pair.vault}/${pair.reader}" => pair
  }
}

resource "azurerm_user_assigned_identity" "this" {
  for_each = local.identities

  name                = "${var.name}-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags
}

resource "azurerm_role_assignment" "image" {
  for_each = local.identities

  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.this[each.key].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "secrets" {
  for_each = local.vault_roles

  scope                = azurerm_key_vault.this[each.value.vault].id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this[each.value.reader].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "first_key" {
  scope                = azurerm_key_vault.this["keys"].id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = azurerm_user_assigned_identity.this["init"].principal_id
  principal_type       = "ServicePrincipal"
}

# Who applies sets the values of secrets: a role that reads and writes secrets, and manages no vault.
resource "azurerm_role_assignment" "operator" {
  for_each = local.vault_readers

  scope                = azurerm_key_vault.this[each.key].id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = data.azurerm_client_config.current.object_id
}
