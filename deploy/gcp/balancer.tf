# With a domain: a global load balancer ends TLS before `web`, which is then reached in no other way.
# There is no port 80: who sends a key by http learns it at once, and nothing redirects the second try.

resource "google_compute_global_address" "this" {
  count = var.domain == null ? 0 : 1

  name = var.name

  depends_on = [google_project_service.this]
}

resource "google_compute_region_network_endpoint_group" "web" {
  count = local.is_balanced ? 1 : 0

  name                  = "${var.name}-web"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.this["web"].name
  }
}

resource "google_compute_backend_service" "web" {
  count = local.is_balanced ? 1 : 0

  name                  = "${var.name}-web"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.this[0].id

  backend {
    group = google_compute_region_network_endpoint_group.web[0].id
  }

  log_config {
    enable      = true
    sample_rate = 1.0
  }
}

resource "google_compute_url_map" "this" {
  count = local.is_balanced ? 1 : 0

  name            = var.name
  default_service = google_compute_backend_service.web[0].id
}

resource "google_compute_managed_ssl_certificate" "this" {
  count = local.is_balanced ? 1 : 0

  name = "${var.name}-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "this" {
  count = local.is_balanced ? 1 : 0

  name            = var.name
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "this" {
  count = local.is_balanced ? 1 : 0

  name             = var.name
  url_map          = google_compute_url_map.this[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.this[0].id]
  ssl_policy       = google_compute_ssl_policy.this[0].id
}

resource "google_compute_global_forwarding_rule" "this" {
  count = local.is_balanced ? 1 : 0

  name                  = var.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this[0].id
}

# Cloud Armor: limits for each address. Google's groups of rules that look into requests are left out:
# they refuse what the service accepts, such as a long body or a payee's name with an apostrophe.
resource "google_compute_security_policy" "this" {
  count = var.domain == null ? 0 : 1

  name        = var.name
  description = "Limits of requests of each address"

  # A provider sends all its webhooks from a few addresses, and sends them again after a 429.
  rule {
    priority    = 1000
    action      = "throttle"
    description = "Providers' webhooks"

    match {
      expr {
        expression = "request.path.startsWith('/webhooks/')"
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = var.requests_per_address.webhooks
        interval_sec = 60
      }
    }
  }

  rule {
    priority    = 2000
    action      = "throttle"
    description = "Everything else"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = var.requests_per_address.others
        interval_sec = 60
      }
    }
  }

  rule {
    priority    = 2147483647
    action      = "allow"
    description = "Within the limits"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [google_project_service.this]
}

locals {
  # Who may name a caller's address in X-Forwarded-For: Cloud Run's own proxy in the instance, Google's
  # front ends (cloud.google.com/load-balancing/docs/https), and the balancer by its address.
  trusted_proxies = join(",", concat(
    ["169.254.0.0/16", "35.191.0.0/16", "130.211.0.0/22"],
    google_compute_global_address.this[*].address,
  ))
}
