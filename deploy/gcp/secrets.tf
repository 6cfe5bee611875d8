# The secrets without their values: a value in Terraform would be in the state in plain text. README.md
# has the commands that set them. Each is one variable of the service, and only who needs it reads it.

locals {
  secret_ids = { for variable in keys(var.secrets) : variable => "${var.name}-${lower(replace(variable, "_", "-"))}" }

  # Who reads the secrets that Terraform knows by itself.
  fixed_readers = {
    owner-password = ["jobs"]
    server-ca      = ["web", "worker", "jobs"]
    sidecar        = ["web", "worker"]
    first-key      = []
  }

  # A process without a provider's credentials accepts, shows and verifies, and calls no provider.
  elsewhere = {
    for reader in ["web", "worker"] : reader => merge(
      contains(try(var.secrets.PAYPAL_CLIENT_SECRET, []), reader) ? {} : { PAYMENTAPP_PAYPAL_CREDENTIALS = "elsewhere" },
      !contains(keys(var.secrets), "PAYMENTAPP_STRIPE_SECRET_KEY") || contains(try(var.secrets.PAYMENTAPP_STRIPE_SECRET_KEY, []), reader) ? {} : { PAYMENTAPP_STRIPE_CREDENTIALS = "elsewhere" },
      !contains(keys(var.secrets), "PAYMENTAPP_OPENACH_SECRET_KEY") || contains(try(var.secrets.PAYMENTAPP_OPENACH_SECRET_KEY, []), reader) ? {} : { PAYMENTAPP_OPENACH_CREDENTIALS = "elsewhere" },
    )
  }
}

locals {
  readers = merge(
    { for pair in flatten([for variable, readers in var.secrets : [for reader in readers : { variable = variable, reader = reader }]]) :
    "${pair.variable}/${pair.reader}" => { secret = google_secret_manager_secret.variable[pair.variable].id, reader = pair.reader } },
    { for pair in flatten([for secret, readers in local.fixed_readers : [for reader in readers : { secret = secret, reader = reader }]]) :
    "${pair.secret}/${pair.reader}" => { secret = google_secret_manager_secret.fixed[pair.secret].id, reader = pair.reader } },
  )
}

resource "google_secret_manager_secret" "variable" {
  for_each = var.secrets

  secret_id           = local.secret_ids[each.key]
  deletion_protection = var.deletion_protection

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key == null ? [] : [var.kms_key]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret" "fixed" {
  for_each = local.fixed_readers

  secret_id = "${var.name}-${each.key}"

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key == null ? [] : [var.kms_key]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.readers

  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this[each.value.reader].member
}

# The job that creates a key puts it there, and cannot read what is there.
resource "google_secret_manager_secret_iam_member" "first_key" {
  secret_id = google_secret_manager_secret.fixed["first-key"].id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = google_service_account.this["jobs"].member
}

# Who read which secret, and when.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project
  service = "secretmanager.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }

  depends_on = [google_project_service.this]
}
