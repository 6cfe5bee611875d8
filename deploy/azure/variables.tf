# Name and location of a deployment

variable "subscription_id" {
  description = "Id of the Azure subscription."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "Must be the id of a subscription, in lower case."
  }
}

variable "name" {
  description = "Name of the resource group, and prefix of the names in it."
  type        = string
  default     = "paymentapp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,21}[a-z0-9]$", var.name))
    error_message = "Must be 3 to 23 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "location" {
  description = "The region of everything but Front Door; one with availability zones, whose Container Apps Front Door reaches by private link."
  type        = string
  default     = "eastus2"

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "Must be a region such as eastus2."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = { application = "paymentapp" }
}

variable "network" {
  description = "Private range of the network, a /16, of which the services take the first 512 addresses."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.network, 0)) && endswith(var.network, "/16")
    error_message = "Must be a range such as 10.20.0.0/16."
  }
}

variable "operator_addresses" {
  description = "Public addresses or ranges of the people who set secrets, such as 203.0.113.7. Empty: the vaults are reached from within the network alone."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for each in var.operator_addresses : can(regex("^[0-9]+(\\.[0-9]+){3}(/[0-9]+)?$", each)) && !endswith(each, "/0")])
    error_message = "Each must be an IPv4 address or range."
  }
}

# The services

variable "image" {
  description = "The image in the registry of this deployment, by its tag or digest. null, for the first apply: nothing runs yet. A new one has `paymentapp init` run before it serves."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+/[^\\s:@]+(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "Must be an image with a tag or a digest, such as REGISTRY.azurecr.io/paymentapp:1."
  }
}

variable "cpu" {
  description = "Processors of each replica; it has twice as many GiB of memory."
  type        = number
  default     = 1

  validation {
    condition     = contains([0.5, 1, 1.5, 2], var.cpu)
    error_message = "Must be 0.5, 1, 1.5 or 2."
  }
}

variable "web_instances" {
  description = "Replicas that answer callers: those that always run, and at most."
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
  description = "Replicas that send payments, all of which always run. With two, one goes on while the other one is replaced."
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

variable "database_sku" {
  description = "Machine of the database. GP_ ones may have a standby."
  type        = string
  default     = "GP_Standard_D2ds_v5"

  validation {
    condition     = can(regex("^(GP|MO)_Standard_[A-Za-z0-9_]+$", var.database_sku))
    error_message = "Must be a general-purpose or memory-optimised machine such as GP_Standard_D2ds_v5."
  }
}

variable "database_server" {
  description = "Name of the database server, after a restore into a new one. null: `name` and a digest of the subscription."
  type        = string
  default     = null

  validation {
    condition     = var.database_server == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.database_server))
    error_message = "Must be the name of a server: 3 to 63 lower-case letters, digits and hyphens."
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
  default     = 32

  validation {
    condition     = contains([32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384], var.database_disk_gb)
    error_message = "Must be 32, 64, 128 and so on up to 16384."
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
  description = "Days within which any moment can be restored. What was erased is in the backups until they expire."
  type        = number
  default     = 14

  validation {
    condition     = contains(range(7, 36), var.backup_days)
    error_message = "Must be a whole number from 7 to 35, Azure's maximum."
  }
}

variable "geo_redundant_backup" {
  description = "Whether backups are kept in the paired region too. It is chosen once: changing it makes a new server."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether a lock protects the database against deletion, by Terraform and by anybody else. The database has the records of all payments."
  type        = bool
  default     = true
}

# In front of the services

variable "domain" {
  description = "Name under which callers reach the service, for which Front Door gets a certificate: `terraform output domain_records` shows the records that it needs. null: Front Door's own name."
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

# Logs and alerts

variable "log_retention_days" {
  description = "Retention of logs."
  type        = number
  default     = 365

  validation {
    condition     = contains(range(30, 731), var.log_retention_days)
    error_message = "Must be a whole number from 30 to 730, the workspace's maximum."
  }
}

variable "alert_emails" {
  description = "E-mail addresses for alerts."
  type        = set(string)
  default     = []
}
