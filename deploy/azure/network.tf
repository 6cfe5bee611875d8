# Three subnets: of the environment of Container Apps, of the database, and of private endpoints. Only
# Front Door reaches the environment, by Azure's private link; it has no public address.

resource "azurerm_virtual_network" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  address_space       = [var.network]
  tags                = var.tags
}

resource "azurerm_subnet" "apps" {
  name                 = "apps"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.network, 7, 0)] # /23 of a /16

  delegation {
    name = "apps"

    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "database" {
  name                 = "database"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.network, 8, 2)]

  delegation {
    name = "database"

    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  name                              = "endpoints"
  resource_group_name               = azurerm_resource_group.this.name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [cidrsubnet(var.network, 8, 3)]
  private_endpoint_network_policies = "Enabled" # so that the rules below hold for them too
}

locals {
  # From where each subnet takes connections; everything else is refused by the last rule.
  admitted = {
    apps = {
      "front"    = { priority = 100, source = "AzureLoadBalancer", ports = ["30000-32767"] } # probes of the environment
      "internal" = { priority = 110, source = "VirtualNetwork", ports = ["443", "31443"] }   # private link, and the environment's proxy
      "own"      = { priority = 120, source = azurerm_subnet.apps.address_prefixes[0], ports = ["0-65535"] }
    }
    database = {
      "apps" = { priority = 100, source = azurerm_subnet.apps.address_prefixes[0], ports = ["5432", "6432"] }
      "own"  = { priority = 110, source = azurerm_subnet.database.address_prefixes[0], ports = ["5432"] } # the standby
    }
    endpoints = {
      "apps" = { priority = 100, source = azurerm_subnet.apps.address_prefixes[0], ports = ["443"] }
    }
  }

  subnets = {
    apps      = azurerm_subnet.apps.id
    database  = azurerm_subnet.database.id
    endpoints = azurerm_subnet.endpoints.id
  }
}

resource "azurerm_network_security_group" "this" {
  for_each = local.admitted

  name                = "${var.name}-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  dynamic "security_rule" {
    for_each = each.value

    content {
      name                       = security_rule.key
      priority                   = security_rule.value.priority
      direction                  = "Inbound"
      access                     = "Allow"
      protocol                   = "Tcp"
      source_address_prefix      = security_rule.value.source
      source_port_range          = "*"
      destination_address_prefix = "*"
      destination_port_ranges    = security_rule.value.ports
    }
  }

  security_rule {
    name                       = "refuse"
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each = local.subnets

  subnet_id                 = each.value
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

# Names of what has a private address.

locals {
  private_zones = {
    database = "${var.name}-${local.suffix}.private.postgres.database.azure.com"
    vault    = "privatelink.vaultcore.azure.net"
  }
}

resource "azurerm_private_dns_zone" "this" {
  for_each = local.private_zones

  name                = each.value
  resource_group_name = azurerm_resource_group.this.name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = local.private_zones

  name                = each.key
  private_dns_zone_id = azurerm_private_dns_zone.this[each.key].id
  virtual_network_id  = azurerm_virtual_network.this.id
  tags                = var.tags
}
