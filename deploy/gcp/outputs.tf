output "url" {
  description = "Address of the API; PAYMENTAPP_URL of the scripts in curl/."
  value       = var.domain == null ? one([for name, service in google_cloud_run_v2_service.this : service.uri if name == "web"]) : "https://${var.domain}"
}

output "webhook_url" {
  description = "Address to register with PayPal, which returns the webhook's id (paypal_webhook_id); null without a domain or an image."
  value       = local.is_balanced ? "https://${var.domain}/webhooks/paypal" : null
}

output "address" {
  description = "Address of the load balancer, for the A record of the domain; null without a domain."
  value       = one(google_compute_global_address.this[*].address)
}

output "repository" {
  description = "Where images go: REPOSITORY/paymentapp:TAG."
  value       = local.repository
}

output "secret_ids" {
  description = "Ids of the secrets whose values are to be set, by variable."
  value       = local.secret_ids
}

output "first_key_secret" {
  description = "Id of the secret into which the job `key` puts a key of the service."
  value       = google_secret_manager_secret.fixed["first-key"].secret_id
}

output "job_names" {
  description = "Names of the jobs; empty without an image."
  value       = { for name, job in google_cloud_run_v2_job.this : name => job.name }
}

output "database" {
  description = "Name of the database instance, for backups and restores."
  value       = google_sql_database_instance.this.name
}
