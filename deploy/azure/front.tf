# Front Door ends TLS before `web`, refuses addresses that send too many requests, and reaches the
# environment by Azure's private link, which somebody has to approve once (README.md). It speaks https
# alone: who sends a key by http learns it at once, and nothing redirects the second try.

resource "azurerm_cdn_frontdoor_profile" "this" {
  name                     = var.name
  resource_group_name      = azurerm_resource_group.this.name
  sku_name                 = "Premium_AzureFrontDoor" # of which private link is a part
  response_timeout_seconds = 60
  tags                     = var.tags
}

resource "azurerm_cdn_frontdoor_endpoint" "this" {
  name                     = "${var.name}-${local.suffix}"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  tags                     = var.tags
}

resource "azurerm_cdn_frontdoor_origin_group" "web" {
  name                     = "web"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  session_affinity_enabled = false

  load_balancing {}

  health_probe {
    path                = "/healthz"
    protocol            = "Https"
    request_type        = "GET"
    interval_in_seconds = 60
  }
}

resource "azurerm_cdn_frontdoor_origin" "web" {
  count = local.is_deployed ? 1 : 0

  name                           = "web"
  cdn_frontdoor_origin_group_id  = azurerm_cdn_frontdoor_origin_group.web.id
  enabled                        = true
  host_name                      = azurerm_container_app.this["web"].ingress[0].fqdn
  origin_host_header             = azurerm_container_app.this["web"].ingress[0].fqdn
  certificate_name_check_enabled = true
  https_port                     = 443

  private_link {
    location               = azurerm_resource_group.this.location
    private_link_target_id = azurerm_container_app_environment.this.id
    target_type            = "managedEnvironments"
    request_message        = var.name
  }
}

resource "azurerm_cdn_frontdoor_route" "web" {
  count = local.is_deployed ? 1 : 0

  name                            = "web"
  cdn_frontdoor_endpoint_id       = azurerm_cdn_frontdoor_endpoint.this.id
  cdn_frontdoor_origin_group_id   = azurerm_cdn_frontdoor_origin_group.web.id
  cdn_frontdoor_origin_ids        = [azurerm_cdn_frontdoor_origin.web[0].id]
  cdn_frontdoor_custom_domain_ids = azurerm_cdn_frontdoor_custom_domain.this[*].id
  patterns_to_match               = ["/*"]
  supported_protocols             = ["Https"]
  https_redirect_enabled          = false
  forwarding_protocol             = "HttpsOnly"
  link_to_default_domain          = true
}

resource "azurerm_cdn_frontdoor_custom_domain" "this" {
  count = var.domain == null ? 0 : 1

  name                     = replace(var.domain, ".", "-")
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  host_name                = var.domain

  tls {
    certificate_type = "ManagedCertificate"
  }
}

resource "azurerm_cdn_frontdoor_custom_domain_association" "this" {
  count = local.is_deployed && var.domain != null ? 1 : 0

  cdn_frontdoor_custom_domain_id = azurerm_cdn_frontdoor_custom_domain.this[0].id
  cdn_frontdoor_route_ids        = [azurerm_cdn_frontdoor_route.web[0].id]
}

# Limits for each address. Microsoft's groups of rules that look into requests are left out: they refuse
# what the service accepts, such as a long body or a payee's name with an apostrophe.
resource "azurerm_cdn_frontdoor_firewall_policy" "this" {
  name                = replace(var.name, "-", "")
  resource_group_name = azurerm_resource_group.this.name
  sku_name            = azurerm_cdn_frontdoor_profile.this.sku_name
  mode                = "Prevention"
  tags                = var.tags

  # A provider sends all its webhooks from a few addresses, and sends them again after a 429.
  custom_rule {
    name                           = "webhooks"
    type                           = "RateLimitRule"
    action                         = "Block"
    priority                       = 100
    rate_limit_duration_in_minutes = 1
    rate_limit_threshold           = var.requests_per_address.webhooks

    match_condition {
      match_variable = "RequestUri"
      operator       = "Contains"
      match_values   = ["/webhooks/"]
    }
  }

  custom_rule {
    name                           = "others"
    type                           = "RateLimitRule"
    action                         = "Block"
    priority                       = 200
    rate_limit_duration_in_minutes = 1
    rate_limit_threshold           = var.requests_per_address.others

    match_condition {
      match_variable     = "RequestUri"
      operator           = "Contains"
      negation_condition = true
      match_values       = ["/webhooks/"]
    }
  }

  custom_block_response_status_code = 429
}

resource "azurerm_cdn_frontdoor_security_policy" "this" {
  name                     = "limits"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id

  security_policies {
    firewall {
      cdn_frontdoor_firewall_policy_id = azurerm_cdn_frontdoor_firewall_policy.this.id

      association {
        patterns_to_match = ["/*"]

        dynamic "domain" {
          for_each = concat([azurerm_cdn_frontdoor_endpoint.this.id], azurerm_cdn_frontdoor_custom_domain.this[*].id)

          content {
            cdn_frontdoor_domain_id = domain.value
          }
        }
      }
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "front" {
  name                       = "log"
  target_resource_id         = azurerm_cdn_frontdoor_profile.this.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "FrontDoorAccessLog"
  }

  enabled_log {
    category = "FrontDoorWebApplicationFirewallLog"
  }
}
