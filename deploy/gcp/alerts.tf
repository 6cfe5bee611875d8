# Alerts for operators, over the metrics of docs/operating.md, by the conditions of
# deploy/monitoring/rules.yml. Each one says what to do, or where to read it.

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  display_name = "${var.name}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}

locals {
  # Of several instances one at a time reads what is on record; what another shows is old.
  current = "on (instance) (time() - paymentapp_store_read_timestamp_seconds < 180)"

  alerts = {
    not-ready = {
      what    = "GET /readyz has answered 503 within five minutes; GET /v1/api/readiness, with a key, says which of store, dispatcher and providers fails."
      query   = "sum(increase(paymentapp_http_requests_total{route=\"/readyz\", status=\"503\"}[5m])) > 0"
      seconds = 120, critical = true
    }
    oldest-due = {
      what    = "A due payment has waited for more than ${var.oldest_due_seconds} s, neither held nor without funds: the provider's calls fail, or there are too few workers."
      query   = "max(paymentapp_oldest_due_seconds) > ${var.oldest_due_seconds}"
      seconds = 120, critical = true
    }
    # Recovery depends on the sweep, so this alert is the most important one.
    sweep-silent = {
      what    = "No worker has swept for two minutes: payments are accepted and do not leave. Look at the worker's log, and whether the database answers."
      query   = "(time() - max(paymentapp_swept_timestamp_seconds) > 120) or absent(paymentapp_swept_timestamp_seconds)"
      seconds = 180, critical = true
    }
    records-not-read = {
      what    = "No worker has read batches, funds, holds, limits and receivers for five minutes. Alerts on these are quiet meanwhile, whatever is wrong."
      query   = "time() - max(paymentapp_store_read_timestamp_seconds) > 300"
      seconds = 60, critical = false
    }
    provider-failing = {
      what    = "Calls of a provider fail. Its payments wait, and go by themselves once it answers. Where credentials or permissions are refused, they need you."
      query   = "max by (provider) (paymentapp_provider_failing) == 1"
      seconds = 300, critical = true
    }
    batch-parked = {
      what    = "A batch is parked: its outcome is unknown and it is not sent again. An operator has to decide (paymentapp parked)."
      query   = "max by (provider) (paymentapp_batches{state=\"parked\"} and ${local.current}) > 0"
      seconds = 0, critical = true
    }
    unfunded = {
      what    = "An account at a provider lacks funds: what leaves within a day exceeds the balance, or was refused. Fund the account."
      query   = "max by (provider, currency) (paymentapp_provider_unfunded and ${local.current}) == 1"
      seconds = 300, critical = true
    }
    held = {
      what    = "A hold on everything or on a provider has been in force for an hour. `paymentapp holds` says whose and why."
      query   = "max by (scope) (paymentapp_holds{scope=~\"all|provider\"} and ${local.current}) > 0"
      seconds = 3600, critical = false
    }
    deliveries-failing = {
      what    = "Most deliveries of events fail. No event is lost: they are tried again. `paymentapp webhooks list` says which."
      query   = "sum by (receiver) (rate(paymentapp_delivery_attempts_total{result!=\"delivered\"}[15m])) > 0.5 * sum by (receiver) (rate(paymentapp_delivery_attempts_total[15m]))"
      seconds = 900, critical = false
    }
    receiver-failing = {
      what    = "A receiver of events has got none for a quarter of an hour. `paymentapp webhooks list` says which."
      query   = "max by (receiver) (paymentapp_receivers_failing and ${local.current}) > 0"
      seconds = 900, critical = false
    }
    thread-ended = {
      what    = "A thread has ended or hung. Its process has ended and was started again; nothing is lost. The log says where: report it."
      query   = "sum(increase(paymentapp_thread_failures_total[15m])) > 0"
      seconds = 0, critical = false
    }
    store-failing = {
      what    = "Calls of the database fail. Requests are answered 503, and what is due waits. The log names the cause."
      query   = "sum(rate(paymentapp_store_call_duration_seconds_count{answer=\"unavailable\"}[5m])) > 0"
      seconds = 300, critical = true
    }
    limit-near-edge = {
      what    = "A rule of PAYMENTAPP_LIMITS is used to 90 %. Payments above it are refused, or need approval, until its window ends."
      query   = "max by (rule, currency, window) (paymentapp_limit_used_ratio and ${local.current}) > 0.9"
      seconds = 300, critical = false
    }
    internal-errors = {
      what    = "The service has answered 500: an error in the service itself. The log has the traceback. Report it."
      query   = "sum by (route) (increase(paymentapp_http_requests_total{status=\"500\"}[15m])) > 0"
      seconds = 0, critical = false
    }
    # Of Cloud SQL itself.
    database-disk = {
      what    = "The database's disk is used to 85 %. It grows by itself; find out why it has not."
      query   = "max(cloudsql_googleapis_com:database_disk_utilization{monitored_resource=\"cloudsql_database\", database_id=\"${var.project}:${google_sql_database_instance.this.name}\"}) > 0.85"
      seconds = 300, critical = true
    }
    database-processor = {
      what    = "The database has been busy for a quarter of an hour: a larger database_tier, or fewer requests."
      query   = "max(cloudsql_googleapis_com:database_cpu_utilization{monitored_resource=\"cloudsql_database\", database_id=\"${var.project}:${google_sql_database_instance.this.name}\"}) > 0.9"
      seconds = 900, critical = false
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "${var.name}-${each.key}"
  combiner              = "OR"
  severity              = each.value.critical ? "CRITICAL" : "WARNING"
  enabled               = each.key != "sweep-silent" || (local.is_deployed && var.dispatch_enabled)
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  documentation {
    content   = each.value.what
    mime_type = "text/markdown"
  }

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "${each.value.seconds}s"
      evaluation_interval = "60s"
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  depends_on = [google_project_service.this]
}
