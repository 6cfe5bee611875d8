# Three service accounts: who answers callers, who calls providers, and who makes tables and keys.
# None has a key, and none may change anything in the project.

locals {
  identities = {
    web    = "paymentapp: answers callers, and has no provider's credentials"
    worker = "paymentapp: sends payments, and delivers events"
    jobs   = "paymentapp: makes and changes the tables, and creates keys"
  }

  project_roles = {
    for pair in concat(
      setproduct(["web", "worker"], ["roles/cloudsql.instanceUser", "roles/monitoring.metricWriter"]),
      setproduct(keys(local.identities), ["roles/logging.logWriter"]),
    ) : "${pair[0]}/${pair[1]}" => { identity = pair[0], role = pair[1] }
  }
}

resource "google_service_account" "this" {
  for_each = local.identities

  account_id   = "${var.name}-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.this]
}

# These roles are granted for a project alone. instanceUser permits to log in where a user of this
# name was made, which is in this database alone.
resource "google_project_iam_member" "this" {
  for_each = local.project_roles

  project = var.project
  role    = each.value.role
  member  = google_service_account.this[each.value.identity].member
}
