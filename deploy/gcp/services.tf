# One image, two services. `web` answers callers, and no provider's credentials are in it. `worker` runs
# the same server with its dispatcher on and always has a processor: it sends, polls, sweeps and delivers.
# Nobody may call it; its port is for the platform's probes and for the sidecar that reads its metrics.

locals {
  processes = 2 # of gunicorn in each instance
  port      = 8000
  files     = "/etc/paymentapp"

  run = {
    web = {
      ingress = local.is_balanced ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" : "INGRESS_TRAFFIC_ALL"
      least   = var.web_instances.least
      most    = var.web_instances.most
      public  = true
    }
    worker = {
      ingress = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      least   = var.worker_instances
      most    = var.worker_instances
      public  = false
    }
  }

  database_host    = google_sql_database_instance.this.private_ip_address
  database_options = "sslmode=verify-ca&sslrootcert=${local.files}/server-ca/ca.pem"

  environments = {
    for name in keys(local.run) : name => merge(
      {
        PAYMENTAPP_TLS             = "proxy"
        PAYMENTAPP_TRUSTED_PROXIES = local.trusted_proxies
        PAYMENTAPP_LOG_FORMAT      = "json"
        PAYMENTAPP_METRICS         = "on" # for the sidecar: only requests from the instance are served
        PAYPAL_BASE_URL            = var.paypal_base_url
      },
      var.paypal_webhook_id == "" ? {} : { PAYMENTAPP_PAYPAL_WEBHOOK_ID = var.paypal_webhook_id },
      local.elsewhere[name],
      var.settings,
      # What follows is not for `settings` to change.
      {
        PAYMENTAPP_STORE                  = "postgresql://${urlencode(google_sql_user.serving[name].name)}@${local.database_host}/${google_sql_database.this.name}?${local.database_options}"
        PAYMENTAPP_POSTGRESQL_IDENTITY    = "google"
        PAYMENTAPP_POSTGRESQL_CONNECTIONS = tostring(var.connections_per_process)
        PAYMENTAPP_WORKERS                = tostring(local.processes)
        PAYMENTAPP_DISPATCHER             = name == "worker" && var.dispatch_enabled ? "on" : "off"
        GUNICORN_CMD_ARGS                 = "--graceful-timeout 8" # Cloud Run kills ten seconds after SIGTERM
      },
    )
  }
}

resource "google_secret_manager_secret_version" "sidecar" {
  secret = google_secret_manager_secret.fixed["sidecar"].id

  # No secret either: Cloud Run mounts it as a file.
  secret_data = yamlencode({
    apiVersion = "monitoring.googleapis.com/v1beta"
    kind       = "RunMonitoring"
    metadata   = { name = var.name }
    spec = {
      endpoints    = [{ port = local.port, path = "/metrics", interval = "30s" }]
      targetLabels = { metadata = ["service", "revision", "instance"] }
    }
  })
}

resource "google_cloud_run_v2_service" "this" {
  for_each = local.is_deployed ? local.run : {}

  name                 = "${var.name}-${each.key}"
  location             = var.region
  ingress              = each.value.ingress
  invoker_iam_disabled = each.value.public # callers have keys of the service's own
  deletion_protection  = false             # what must not be deleted is in the database

  template {
    service_account                  = google_service_account.this[each.key].email
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    encryption_key                   = var.kms_key

    scaling {
      min_instance_count = each.value.least
      max_instance_count = each.value.most
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.this.id
        subnetwork = google_compute_subnetwork.this.id
      }
    }

    containers {
      name  = "service"
      image = var.image

      ports {
        container_port = local.port
      }

      resources {
        limits   = { cpu = var.cpu, memory = var.memory }
        cpu_idle = false # threads work between requests too
      }

      dynamic "env" {
        for_each = local.environments[each.key]

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = { for variable, readers in var.secrets : variable => google_secret_manager_secret.variable[variable].secret_id if contains(readers, each.key) }

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }

      volume_mounts {
        name       = "server-ca"
        mount_path = "${local.files}/server-ca"
      }

      startup_probe {
        period_seconds    = 2
        failure_threshold = 30

        http_get {
          path = "/healthz"
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3

        http_get {
          path = "/healthz"
        }
      }
    }

    containers {
      name       = "metrics"
      image      = var.sidecar_image
      depends_on = ["service"]

      resources {
        limits   = { cpu = "500m", memory = "512Mi" }
        cpu_idle = false
      }

      volume_mounts {
        name       = "sidecar"
        mount_path = "/etc/rungmp"
      }
    }

    volumes {
      name = "server-ca"

      secret {
        secret = google_secret_manager_secret.fixed["server-ca"].secret_id

        items {
          path    = "ca.pem"
          version = "latest"
        }
      }
    }

    volumes {
      name = "sidecar"

      secret {
        secret = google_secret_manager_secret.fixed["sidecar"].secret_id

        items {
          path    = "config.yaml"
          version = "latest"
        }
      }
    }
  }

  # The tables have to be there, and who runs it has to be able to read its secrets.
  depends_on = [
    terraform_data.init,
    google_project_iam_member.this,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.server_ca,
    google_secret_manager_secret_version.sidecar,
  ]
}
