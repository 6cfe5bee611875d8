# The records of all payments. A standby in another zone has each commit before it is confirmed
# (REGIONAL), and the archived log restores any moment of the last days.

resource "google_sql_database_instance" "this" {
  name                = coalesce(var.database_instance, var.name)
  database_version    = "POSTGRES_17"
  region              = var.region
  encryption_key_name = var.kms_key
  deletion_protection = var.deletion_protection # Terraform's own; the API's is below

  settings {
    tier                        = var.database_tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database_standby ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database_disk_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection
    retain_backups_on_delete    = true
    user_labels                 = var.labels

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      location                       = var.backup_location
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.backup_days
        retention_unit   = "COUNT"
      }
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      ssl_mode        = "ENCRYPTED_ONLY" # who connects is proved by a token, not by a certificate
      server_ca_mode  = "GOOGLE_MANAGED_INTERNAL_CA"
    }

    maintenance_window {
      day          = 7
      hour         = 4
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = true
      record_application_tags = false
      record_client_address   = false
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }

    database_flags {
      name  = "max_connections"
      value = tostring(var.database_connections)
    }

    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }

    database_flags {
      name  = "log_connections"
      value = "on"
    }

    database_flags {
      name  = "log_disconnections"
      value = "on"
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }

    database_flags {
      name  = "log_temp_files"
      value = "0"
    }

    database_flags {
      name  = "log_min_messages"
      value = "warning"
    }

    database_flags {
      name  = "log_min_error_statement"
      value = "error"
    }

    database_flags {
      name  = "log_min_duration_statement"
      value = "-1" # a statement that is logged has what was paid to whom
    }

    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
  }

  depends_on = [google_service_networking_connection.database]

  lifecycle {
    precondition {
      condition     = local.connections_max <= var.database_connections
      error_message = "Instances times processes times connections_per_process exceed database_connections."
    }
  }
}

locals {
  # Two revisions run side by side during an upgrade; ten are left for people and jobs.
  connections_max = 2 * local.processes * (var.web_instances.most + var.worker_instances) * var.connections_per_process + 10
}

resource "google_sql_database" "this" {
  name     = "paymentapp"
  instance = google_sql_database_instance.this.name

  # Its owner could not drop what others use, and what is in it stays with the instance.
  deletion_policy = "ABANDON"
}

# The roles that serve: no password, a token of the service account at each connection. They own
# nothing; `paymentapp init` grants them the rows.
resource "google_sql_user" "serving" {
  for_each = toset(["web", "worker"])

  name     = trimsuffix(google_service_account.this[each.key].email, ".gserviceaccount.com")
  instance = google_sql_database_instance.this.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

# The role that owns the schema, for the jobs alone. Its password is made here, set by arguments that
# are only written, and so in no state: a new owner_password_version makes another one.
ephemeral "random_password" "owner" {
  length  = 40
  special = false
}

resource "google_sql_user" "owner" {
  name                = "paymentapp-owner"
  instance            = google_sql_database_instance.this.name
  password_wo         = ephemeral.random_password.owner.result
  password_wo_version = var.owner_password_version
  deletion_policy     = "ABANDON" # PostgreSQL refuses to drop a role that owns tables
}

resource "google_secret_manager_secret_version" "owner_password" {
  secret                 = google_secret_manager_secret.fixed["owner-password"].id
  secret_data_wo         = ephemeral.random_password.owner.result
  secret_data_wo_version = var.owner_password_version
}

# The certificate of the authority that this instance has of its own: with it, a client knows the
# server. It is no secret; a secret is what Cloud Run mounts as a file.
resource "google_secret_manager_secret_version" "server_ca" {
  secret      = google_secret_manager_secret.fixed["server-ca"].id
  secret_data = google_sql_database_instance.this.server_ca_cert[0].cert
}
