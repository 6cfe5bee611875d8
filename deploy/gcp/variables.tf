# Name and location of a deployment

variable "project" {
  description = "Id of the Google Cloud project, with billing; best one of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "name" {
  description = "Prefix of the name of everything."
  type        = string
  default     = "paymentapp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,21}[a-z0-9]$", var.name))
    error_message = "Must be 3 to 23 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The region of everything but the load balancer, which is global."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Must be a region such as us-central1."
  }
}

variable "labels" {
  description = "Labels of all resources."
  type        = map(string)
  default     = { application = "paymentapp" }
}

variable "subnet" {
  description = "Private range of the services; each instance takes an address, and twice as many during an upgrade."
  type        = string
  default     = "10.20.0.0/24"

  validation {
    condition     = can(cidrhost(var.subnet, 0)) && try(tonumber(split("/", var.subnet)[1]) <= 26, false)
    error_message = "Must be a range such as 10.20.0.0/24, of /26 or larger."
  }
}

variable "kms_key" {
  description = "A customer-managed key in this region for database, secrets, images and instances: projects/.../cryptoKeys/... . null: Google's keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "Must be the full name of a key."
  }
}

# The services

variable "image" {
  description = "The image in the registry of this deployment, by its tag or digest. null, for the first apply: nothing runs yet. A new one has `paymentapp init` run before it serves."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+/[^\\s:@]+(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "Must be an image with a tag or a digest, such as REGION-docker.pkg.dev/PROJECT/paymentapp/paymentapp:1."
  }
}

variable "sidecar_image" {
  description = "Google's sidecar that reads /metrics and writes to Cloud Monitoring."
  type        = string
  default     = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:1.2.0"
}

variable "cpu" {
  description = "Processors of each instance of the service."
  type        = string
  default     = "1"

  validation {
    condition     = contains(["1", "2", "4", "6", "8"], var.cpu)
    error_message = "Must be 1, 2, 4, 6 or 8."
  }
}

variable "memory" {
  description = "Memory of each instance of the service."
  type        = string
  default     = "1Gi"

  validation {
    condition     = can(regex("^([1-9]|[12][0-9]|3[0-2])Gi$", var.memory))
    error_message = "Must be from 1Gi to 32Gi."
  }
}

variable "web_instances" {
  description = "Instances that answer callers: those that always run, and at most."
  type = object({
    least = optional(number, 2)
    most  = optional(number, 6)
  })
  default = {}

  validation {
    condition     = var.web_instances.least >= 1 && var.web_instances.most >= var.web_instances.least && var.web_instances.most <= 100
    error_message = "At least 1 must run, and at most 100."
  }
}

variable "worker_instances" {
  description = "Instances that send payments, all of which always run. With two, one goes on while the other one is replaced."
  type        = number
  default     = 2

  validation {
    condition     = contains(range(1, 21), var.worker_instances)
    error_message = "Must be a whole number from 1 to 20."
  }
}

variable "dispatch_enabled" {
  description = "Whether payments are sent. Switch it off while a restored database is compared with the provider: payments are accepted, and wait."
  type        = bool
  default     = true
}

variable "settings" {
  description = "Further settings of docs/operating.md for both services, by variable. Secrets go into `secrets`: an environment is in the state."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^PAYMENTAPP_[A-Z0-9_]+$", name)) && !can(regex("_(KEYS?|SECRETS?|TOKENS?|PASSWORDS?)$", name))])
    error_message = "Each name must begin with PAYMENTAPP_. Secrets belong into `secrets`."
  }
}

variable "secrets" {
  description = "Variables whose values are secrets, and who reads each: web, worker or both. Terraform makes the secrets, README.md says how their values are set; an image does not start before each that it reads has one. PAYMENTAPP_VAULT_KEYS is for both, PAYMENTAPP_STRIPE_SECRET_KEY, PAYMENTAPP_OPENACH_TOKEN and PAYMENTAPP_OPENACH_SECRET_KEY for worker, PAYMENTAPP_STRIPE_WEBHOOK_SECRETS for both."
  type        = map(set(string))
  default = {
    PAYPAL_CLIENT_ID     = ["worker"]
    PAYPAL_CLIENT_SECRET = ["worker"]
  }

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^(PAYMENTAPP|PAYPAL)_[A-Z0-9_]+$", name))])
    error_message = "Each name must be a variable of docs/operating.md."
  }

  validation {
    condition     = alltrue([for readers in values(var.secrets) : length(readers) > 0 && length(setsubtract(readers, ["web", "worker"])) == 0])
    error_message = "Each must be read by web, worker or both."
  }
}

variable "paypal_base_url" {
  description = "PayPal's API. https://api-m.paypal.com moves real money."
  type        = string
  default     = "https://api-m.sandbox.paypal.com"

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.paypal_base_url))
    error_message = "Must be an https:// address without a path."
  }
}

variable "paypal_webhook_id" {
  description = "PayPal's id of the webhook for this deployment. Without it webhooks are refused, and payments settle by polling only."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9]{0,50}$", var.paypal_webhook_id))
    error_message = "Must be up to 50 letters and digits."
  }
}

# The database

variable "database_tier" {
  description = "Machine of the database: db-custom-PROCESSORS-MEGABYTES."
  type        = string
  default     = "db-custom-2-7680"

  validation {
    condition     = can(regex("^db-[a-z0-9-]+$", var.database_tier)) && !can(regex("^db-(f1|g1)-", var.database_tier))
    error_message = "Must be a tier such as db-custom-2-7680; those with a shared processor have no promise of availability."
  }
}

variable "database_instance" {
  description = "Name of the database instance, after a restore into a new one. null: `name`."
  type        = string
  default     = null

  validation {
    condition     = var.database_instance == null || can(regex("^[a-z][a-z0-9-]{0,96}[a-z0-9]$", var.database_instance))
    error_message = "Must be the name of an instance: lower-case letters, digits and hyphens."
  }
}

variable "database_standby" {
  description = "Whether a standby in another zone has each commit before it is confirmed, and takes over. It doubles the database's price."
  type        = bool
  default     = true
}

variable "database_disk_gb" {
  description = "Disk that the database begins with; it grows by itself."
  type        = number
  default     = 20

  validation {
    condition     = var.database_disk_gb >= 10 && floor(var.database_disk_gb) == var.database_disk_gb
    error_message = "Must be a whole number from 10."
  }
}

variable "database_connections" {
  description = "Connections that the database takes (max_connections). Each costs it some megabytes of memory."
  type        = number
  default     = 400

  validation {
    condition     = var.database_connections >= 50 && var.database_connections <= 5000 && floor(var.database_connections) == var.database_connections
    error_message = "Must be a whole number from 50 to 5,000."
  }
}

variable "connections_per_process" {
  description = "Connections of each process to the database at most; two processes run in each instance."
  type        = number
  default     = 10

  validation {
    condition     = contains(range(2, 501), var.connections_per_process)
    error_message = "Must be a whole number from 2 to 500."
  }
}

variable "backup_days" {
  description = "Daily backups that are kept. Any moment of the last seven days can be restored besides. What was erased is in them until they expire."
  type        = number
  default     = 14

  validation {
    condition     = contains(range(7, 366), var.backup_days)
    error_message = "Must be a whole number from 7 to 365."
  }
}

variable "backup_location" {
  description = "Where backups are kept: a region or a multi-region such as us or eu. null: the multi-region nearest to the database."
  type        = string
  default     = null
}

variable "owner_password_version" {
  description = "Raise it by one to have another password made for the role that owns the tables."
  type        = number
  default     = 1
}

variable "deletion_protection" {
  description = "Whether the database and the secrets are protected against deletion, by Terraform and by anybody else. The database has the records of all payments."
  type        = bool
  default     = true
}

# In front of the services

variable "domain" {
  description = "Name under which callers reach the service, for which Google gets a certificate: its A record has to have the address that `terraform output address` shows. null: Cloud Run's own name, without a load balancer and Cloud Armor, for trying out."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "Must be a domain name such as pay.example.com."
  }
}

variable "requests_per_address" {
  description = "Requests of one address in a minute, above which it gets 429: webhooks, which a provider sends from few addresses, and all others."
  type = object({
    webhooks = optional(number, 12000)
    others   = optional(number, 6000)
  })
  default = {}

  validation {
    condition     = var.requests_per_address.webhooks > 0 && var.requests_per_address.others > 0
    error_message = "Both must be above 0."
  }
}

# Alerts

variable "alert_emails" {
  description = "E-mail addresses for alerts."
  type        = set(string)
  default     = []
}

variable "oldest_due_seconds" {
  description = "Seconds that a due payment may wait before the alert."
  type        = number
  default     = 300

  validation {
    condition     = var.oldest_due_seconds >= 60
    error_message = "Must be at least 60: what is on record is read once a minute."
  }
}
