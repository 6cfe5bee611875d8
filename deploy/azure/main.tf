data "azurerm_client_config" "current" {}

locals {
  # Without an image there is nothing to run yet: README.md has the order of steps.
  is_deployed = var.image != null

  # Names that have to be unique among all of Azure's customers end with a digest of the subscription.
  suffix = substr(sha256("${var.subscription_id}/${var.name}"), 0, 8)
}

resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.location
  tags     = var.tags
}

# Nobody deletes the database by mistake, neither by Terraform nor in the portal.
resource "azurerm_management_lock" "database" {
  count = var.deletion_protection ? 1 : 0

  name       = "${var.name}-records"
  scope      = azurerm_postgresql_flexible_server.this.id
  lock_level = "CanNotDelete"
  notes      = "The records of all payments. To delete it: terraform apply -var deletion_protection=false"
}
