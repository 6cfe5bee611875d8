# `init` makes and changes the tables as their owner, before each new image serves. `key` creates a key of
# the service, which it puts into a secret, so that no log has it; without a key the service does not start.

locals {
  jobs = {
    init = { command = ["paymentapp"], arguments = ["init"] }
    key  = { command = ["python", "-c", file("${path.module}/../first_key.py")], arguments = ["--if-none", "first"] }
  }

  # Where callers have tokens of an OIDC issuer, the service starts without keys.
  first_jobs = contains(keys(var.settings), "PAYMENTAPP_OIDC_ISSUER") ? ["init"] : ["init", "key"]

  jobs_environment = {
    PAYMENTAPP_STORE                    = "postgresql://${google_sql_user.owner.name}@${local.database_host}/${google_sql_database.this.name}?${local.database_options}"
    PAYMENTAPP_POSTGRESQL_PASSWORD_FILE = "${local.files}/owner/password"
    PAYMENTAPP_POSTGRESQL_ROLE          = join(" ", [for user in google_sql_user.serving : user.name])
    PAYMENTAPP_PAYPAL_CREDENTIALS       = "elsewhere"
    FIRST_KEY_SECRET                    = google_secret_manager_secret.fixed["first-key"].id
  }
}

resource "google_cloud_run_v2_job" "this" {
  for_each = local.is_deployed ? local.jobs : {}

  name                = "${var.name}-${each.key}"
  location            = var.region
  deletion_protection = false

  template {
    template {
      service_account = google_service_account.this["jobs"].email
      max_retries     = 0
      timeout         = "3600s" # an index of a large table takes its time
      encryption_key  = var.kms_key

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = google_compute_network.this.id
          subnetwork = google_compute_subnetwork.this.id
        }
      }

      containers {
        image   = var.image
        command = each.value.command
        args    = each.value.arguments

        dynamic "env" {
          for_each = local.jobs_environment

          content {
            name  = env.key
            value = env.value
          }
        }

        volume_mounts {
          name       = "server-ca"
          mount_path = "${local.files}/server-ca"
        }

        volume_mounts {
          name       = "owner"
          mount_path = "${local.files}/owner"
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
        name = "owner"

        secret {
          secret = google_secret_manager_secret.fixed["owner-password"].secret_id

          items {
            path    = "password"
            version = "latest"
          }
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.this,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.owner_password,
    google_secret_manager_secret_version.server_ca,
  ]
}

# For each image once, and before the services get it. A failed one is run again by the next apply.
resource "terraform_data" "init" {
  count = local.is_deployed ? 1 : 0

  triggers_replace = [var.image, google_cloud_run_v2_job.this["init"].uid]

  provisioner "local-exec" {
    command = join(" && ", [for job in local.first_jobs : "gcloud run jobs execute ${google_cloud_run_v2_job.this[job].name} --project ${var.project} --region ${var.region} --wait"])
  }

  depends_on = [google_secret_manager_secret_iam_member.first_key]
}
