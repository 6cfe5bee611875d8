# Alerts for operators. Container Apps reads no /metrics, so what the service says of itself comes from its
# log, whose lines docs/operating.md explains; Azure's own metrics say the rest. Each alert says what to do,
# or where to read it.

resource "azurerm_monitor_action_group" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  short_name          = substr(var.name, 0, 12)
  tags                = var.tags

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

locals {
  # Of the worker's log. `above`: so many lines in so many minutes are still quiet.
  log_alerts = {
    overdue = {
      what = "A payment has been due for minutes. The worker's log says how long. The provider's calls fail, or there are too few workers."
      line = "oldest due payment has waited", minutes = 5, above = 2, severity = 1
    }
    parked = {
      what = "A batch is parked: its outcome is unknown and it is not sent again. An operator has to decide (paymentapp parked)."
      line = "is parked", minutes = 5, above = 0, severity = 1
    }
    misconfigured = {
      what = "A provider refuses the credentials or permissions, or there are no funds. Payments wait until this is fixed."
      line = "waits: Misconfigured", minutes = 5, above = 0, severity = 1
    }
    unknown = {
      what = "A provider's answers have been lost for 15 minutes. The same batches are sent again automatically. Check whether it is up."
      line = "waits: OutcomeUnknown", minutes = 15, above = 4, severity = 2
    }
    unknown-status = {
      what = "A provider reported a status that this version does not know. The payment's status stays as it is until a version knows it."
      line = "status that the table does not know", minutes = 60, above = 0, severity = 2
    }
    set-aside = {
      what = "A provider's event contradicts the stored records, or names no payment of ours. It changed nothing; an operator decides (paymentapp inbox)."
      line = "set aside:", minutes = 60, above = 0, severity = 2
    }
    unread-file = {
      what = "A file of the bank's cannot be read, or not wholly. Until it is, no ACH payment succeeds by waiting; an operator decides (paymentapp inbox)."
      line = "no payment of this bank succeeds", minutes = 60, above = 0, severity = 2
    }
    store-trouble = {
      what = "The worker could not read the database. What is due waits."
      line = "could not read the store", minutes = 5, above = 1, severity = 1
    }
  }

  metric_alerts = merge(
    local.is_deployed ? {
      # Recovery depends on the worker, so this alert is the most important one.
      worker-silent = {
        what  = "No worker runs: payments are accepted and do not leave."
        scope = azurerm_container_app.this["worker"].id, namespace = "Microsoft.App/containerApps", metric = "Replicas"
        kind  = "Maximum", operator = "LessThan", threshold = 1, severity = 0
      }
      worker-restarts = {
        what  = "The worker starts again and again. Nothing is lost; its log has the reason."
        scope = azurerm_container_app.this["worker"].id, namespace = "Microsoft.App/containerApps", metric = "RestartCount"
        kind  = "Maximum", operator = "GreaterThan", threshold = 3, severity = 1
      }
    } : {},
    {
      front-5xx = {
        what  = "Callers get 5xx. They may retry under their Idempotency-Key."
        scope = azurerm_cdn_frontdoor_profile.this.id, namespace = "Microsoft.Cdn/profiles", metric = "Percentage5XX"
        kind  = "Average", operator = "GreaterThan", threshold = 5, severity = 1
      }
      latency = {
        what  = "Requests take longer than two seconds on average. Callers that wait (Prefer) are slow on purpose."
        scope = azurerm_cdn_frontdoor_profile.this.id, namespace = "Microsoft.Cdn/profiles", metric = "TotalLatency"
        kind  = "Average", operator = "GreaterThan", threshold = 2000, severity = 2
      }
      database-down = {
        what  = "The database does not answer. Requests are answered 503, and what is due waits."
        scope = azurerm_postgresql_flexible_server.this.id, namespace = "Microsoft.DBforPostgreSQL/flexibleServers", metric = "is_db_alive"
        kind  = "Maximum", operator = "LessThan", threshold = 1, severity = 0
      }
      database-disk = {
        what  = "The database's disk is used to 85 %. It grows by itself; find out why it has not."
        scope = azurerm_postgresql_flexible_server.this.id, namespace = "Microsoft.DBforPostgreSQL/flexibleServers", metric = "storage_percent"
        kind  = "Maximum", operator = "GreaterThan", threshold = 85, severity = 1
      }
      database-processor = {
        what  = "The database is busy: a larger database_sku, or fewer requests."
        scope = azurerm_postgresql_flexible_server.this.id, namespace = "Microsoft.DBforPostgreSQL/flexibleServers", metric = "cpu_percent"
        kind  = "Average", operator = "GreaterThan", threshold = 90, severity = 2
      }
    },
  )
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = local.log_alerts

  name                    = "${var.name}-${each.key}"
  resource_group_name     = azurerm_resource_group.this.name
  location                = azurerm_resource_group.this.location
  description             = each.value.what
  scopes                  = [azurerm_log_analytics_workspace.this.id]
  severity                = each.value.severity
  evaluation_frequency    = "PT5M"
  window_duration         = each.value.minutes == 60 ? "PT1H" : "PT${each.value.minutes}M"
  auto_mitigation_enabled = true
  skip_query_validation   = true # the table is made by the first line of the log
  tags                    = var.tags

  criteria {
    query                   = "ContainerAppConsoleLogs_CL | where ContainerAppName_s == '${var.name}-worker' | where Log_s contains '${each.value.line}'"
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = each.value.above
  }

  action {
    action_groups = [azurerm_monitor_action_group.this.id]
  }
}

resource "azurerm_monitor_metric_alert" "this" {
  for_each = local.metric_alerts

  name                = "${var.name}-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  description         = each.value.what
  scopes              = [each.value.scope]
  severity            = each.value.severity
  frequency           = "PT1M"
  window_size         = "PT5M"
  tags                = var.tags

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.kind
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = azurerm_monitor_action_group.this.id
  }
}
