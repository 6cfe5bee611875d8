# Name and location of a deployment

variable "name" {
  description = "Prefix of the name of everything except the tables."
  type        = string
  default     = "paymentapp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "Must be 2 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Must be a region such as us-east-1."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = { Application = "paymentapp" }
}

# The tables

variable "table_prefix" {
  description = "Prefix of each table's name, for two deployments in one account and region."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,100}$", var.table_prefix))
    error_message = "Must be letters, digits, '_', '.' and '-'."
  }
}

variable "deletion_protection" {
  description = "Whether the tables are protected against deletion, by Terraform too. They are the records of all payments."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "A customer-managed KMS key for tables, secret, queues, topic and logs. null: AWS's keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Must be the ARN of a KMS key, not of an alias."
  }
}

# The functions

variable "lambda_zip" {
  description = "The zip that `make lambda` built."
  type        = string
  default     = "../../build/lambda.zip"
}

variable "lambda_architecture" {
  description = "The zip's architecture. arm64 costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "Must be arm64 or x86_64."
  }
}

variable "lambda_memory_mb" {
  description = "Memory of each function. CPU is proportional: 1,769 MB are one core."
  type        = number
  default     = 1024

  validation {
    condition     = var.lambda_memory_mb >= 256 && var.lambda_memory_mb <= 10240
    error_message = "Must be from 256, below which a cold start takes seconds, to Lambda's maximum of 10,240."
  }
}

variable "dispatch_concurrency" {
  description = "Reserved concurrency of the dispatcher. -1 reserves none, for accounts with a small limit."
  type        = number
  default     = 5

  validation {
    condition     = var.dispatch_concurrency == -1 || (var.dispatch_concurrency >= 1 && var.dispatch_concurrency <= 1000)
    error_message = "Must be from 1 to 1,000, or -1. To stop dispatching, use dispatch_enabled."
  }
}

variable "sweep_concurrency" {
  description = "Reserved concurrency of the sweep, of which one run a minute begins. -1 reserves none, and a flood of requests may then delay it."
  type        = number
  default     = 2

  validation {
    condition     = var.sweep_concurrency == -1 || (var.sweep_concurrency >= 1 && var.sweep_concurrency <= 1000)
    error_message = "Must be from 1 to 1,000, or -1. To stop the sweep, use sweep_enabled."
  }
}

variable "deliver_concurrency" {
  description = "Reserved concurrency of the deliveries: 17 serve all 16 endpoints that there may be and the topic at a time. -1 reserves none."
  type        = number
  default     = 17

  validation {
    condition     = var.deliver_concurrency == -1 || (var.deliver_concurrency >= 2 && var.deliver_concurrency <= 1000)
    error_message = "Must be from 2, the least of a queue's mapping, to 1,000, or -1."
  }
}

variable "batch_size" {
  description = "Maximum payments of a batch, which is one call to PayPal."
  type        = number
  default     = 500

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 15000 && floor(var.batch_size) == var.batch_size
    error_message = "Must be a whole number from 1 to 15,000, PayPal's maximum."
  }
}

variable "dispatch_window_seconds" {
  description = "Seconds that the dispatcher waits for a batch to fill. 0 sends a lone payment at once; more makes fewer calls to PayPal."
  type        = number
  default     = 0

  validation {
    condition     = var.dispatch_window_seconds >= 0 && var.dispatch_window_seconds <= 300
    error_message = "Must be from 0 to 300 seconds."
  }
}

variable "dispatch_per_shard" {
  description = "Concurrent dispatchers on one shard of the stream."
  type        = number
  default     = 1

  validation {
    condition     = contains(range(1, 11), var.dispatch_per_shard)
    error_message = "Must be a whole number from 1 to 10."
  }
}

variable "dispatch_enabled" {
  description = "Whether the stream triggers the dispatcher. Switch it off, with sweep_enabled, while restored tables are compared with the provider."
  type        = bool
  default     = true
}

variable "sweep_enabled" {
  description = "Whether the sweep runs. Without it nothing is polled, and what the stream missed is not found."
  type        = bool
  default     = true
}

variable "sweep_schedule" {
  description = "Schedule of the sweep; EventBridge's shortest rate is a minute."
  type        = string
  default     = "rate(1 minute)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.sweep_schedule))
    error_message = "Must be rate(...) or cron(...)."
  }
}

variable "due_shards" {
  description = "Shards of the due index; 500 payments a second each. docs/scale.md says how to change it."
  type        = number
  default     = 4

  validation {
    condition     = var.due_shards >= 1 && var.due_shards <= 1000 && floor(var.due_shards) == var.due_shards
    error_message = "Must be a whole number from 1 to 1,000."
  }
}

# PayPal

variable "paypal_base_url" {
  description = "PayPal's API. https://api-m.paypal.com moves real money."
  type        = string
  default     = "https://api-m.sandbox.paypal.com"

  validation {
    # Loopback is for the simulator: on AWS nothing listens there.
    condition     = can(regex("^https://[a-z0-9.-]+$|^http://127\\.0\\.0\\.1:[0-9]+$", var.paypal_base_url))
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

variable "settings" {
  description = "Further settings of docs/operating.md for all functions, by variable. Put secrets into the secret instead: a function's environment is in the state."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^PAYMENTAPP_[A-Z0-9_]+$", name)) && !can(regex("_(KEYS?|SECRETS?|TOKENS?|PASSWORDS?)$", name))])
    error_message = "Each name must begin with PAYMENTAPP_. Secrets belong into the secret, under the same names."
  }
}

# Other providers, and further secrets

variable "stripe" {
  description = "Whether Stripe's key is in the secret of the providers' credentials: functions that do not read that one accept payments by Stripe all the same."
  type        = bool
  default     = false
}

variable "openach" {
  description = "Whether OpenACH's token and secret key are in the secret of the providers' credentials: functions that do not read that one accept payments by OpenACH all the same."
  type        = bool
  default     = false
}

variable "further_credentials" {
  description = "Secrets to make besides that of the providers' credentials: vault (for webhook endpoints) and webhooks (for Stripe's). A function does not start before each secret that it reads has a value."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.further_credentials, ["vault", "webhooks"])) == 0
    error_message = "Each must be vault or webhooks."
  }
}

variable "api_registers_endpoints" {
  description = "Whether webhook endpoints are registered over the API, whose function then reads the vault's keys. Without it `paymentapp webhooks add` registers them, and the API answers 409."
  type        = bool
  default     = false

  validation {
    condition     = !var.api_registers_endpoints || contains(var.further_credentials, "vault")
    error_message = "Needs vault in further_credentials."
  }
}

variable "undivided_credentials" {
  description = "Whether every function reads the secret of the providers' credentials, and no other one, as in earlier versions: for the time in which its content is moved. README.md has the steps."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be restored; 0 deletes it at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "Must be 0, or from 7 to 30."
  }
}

# Events

variable "events_topic" {
  description = "Whether to make an SNS topic to which every event is published, for other systems to subscribe to."
  type        = bool
  default     = false
}

variable "events_topic_fifo" {
  description = "Whether that topic is FIFO: it keeps the events of a payment in order, and only SQS queues can subscribe."
  type        = bool
  default     = false

  validation {
    condition     = var.events_topic || !var.events_topic_fifo
    error_message = "Needs events_topic."
  }
}

# The gateway

variable "stage" {
  description = "Name of the stage, which is the first part of every path."
  type        = string
  default     = "live"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.stage))
    error_message = "Must be 2 to 20 lower-case letters and digits."
  }
}

variable "throttle" {
  description = "Requests a second, and the burst above them, for each method of all callers together. The account's own limit is 10,000 a second."
  type = object({
    rate  = optional(number, 1000)
    burst = optional(number, 2000)
  })
  default = {}

  validation {
    # -1 means "the account's limit" on AWS, and no limit at all on an emulator.
    condition     = var.throttle.rate > 0 && var.throttle.burst > 0
    error_message = "Both must be above 0."
  }
}

variable "public_throttle" {
  description = "The same for methods that need no key: providers' webhooks, which a provider sends again after a 429, and healthz and readyz. What they use is no caller's."
  type = object({
    webhooks_rate  = optional(number, 200)
    webhooks_burst = optional(number, 400)
    health_rate    = optional(number, 20)
    health_burst   = optional(number, 40)
  })
  default = {}

  validation {
    condition     = alltrue([for limit in values(var.public_throttle) : limit > 0])
    error_message = "All must be above 0."
  }
}

variable "waf" {
  description = "A web ACL of AWS WAF before the stage: it refuses addresses that AWS knows to be malicious, and those that send more requests in five minutes than this; webhooks are not counted. null: none."
  type = object({
    requests_per_address = optional(number, 100000)
  })
  default = null

  validation {
    condition     = try(var.waf.requests_per_address >= 100 && var.waf.requests_per_address <= 2000000000, var.waf == null)
    error_message = "Must be from 100 to 2,000,000,000."
  }
}

variable "plans" {
  description = "Usage plans by name: requests a second, burst, and requests a month (null: no limit)."
  type = map(object({
    rate  = number
    burst = number
    month = optional(number)
  }))
  default = {
    basic    = { rate = 10, burst = 20, month = 100000 }
    standard = { rate = 100, burst = 200, month = 5000000 }
    premium  = { rate = 1000, burst = 2000, month = 500000000 }
  }

  validation {
    condition     = alltrue([for plan in values(var.plans) : plan.rate > 0 && plan.burst > 0])
    error_message = "Rate and burst must be above 0."
  }
}

variable "callers" {
  description = "Callers with a gateway key, and the plan of each."
  type        = map(string)
  default     = { first = "basic" }

  validation {
    condition     = alltrue([for plan in values(var.callers) : contains(keys(var.plans), plan)])
    error_message = "Each caller's plan must be one of var.plans."
  }
}

variable "gateway_key_required" {
  description = "Whether callers need a gateway key in X-API-Key, in addition to the service's key in Authorization."
  type        = bool
  default     = true
}

variable "authorizer" {
  description = <<-EOT
    A further check before the service's own keys: Cognito user pools, or a Lambda function that returns a
    policy for a token (for example a JWT of any issuer). The token has a header of its own, since
    Authorization has the service's key.
  EOT
  type = object({
    user_pool_arns = optional(list(string), [])
    function_arn   = optional(string)
    header         = optional(string, "X-Identity-Token")
    scopes         = optional(list(string), [])
    cache_seconds  = optional(number, 300)
  })
  default = null

  validation {
    condition     = var.authorizer == null || try((length(var.authorizer.user_pool_arns) > 0) != (var.authorizer.function_arn != null), false)
    error_message = "Give user_pool_arns or function_arn, and not both."
  }

  validation {
    condition     = var.authorizer == null || try(length(var.authorizer.scopes) == 0 || length(var.authorizer.user_pool_arns) > 0, false)
    error_message = "Scopes are for user pools; a function checks them itself."
  }

  validation {
    condition     = try(!contains(["authorization", "x-api-key"], lower(var.authorizer.header)), true)
    error_message = "Authorization and X-API-Key are used for the service's key and the gateway's."
  }
}

# Access tokens instead of the service's own keys

variable "cognito" {
  description = "Whether to make a Cognito user pool, and to accept its access tokens in Authorization. Another issuer's are accepted by PAYMENTAPP_OIDC_... in settings."
  type        = bool
  default     = false
}

variable "cognito_groups" {
  description = "Groups of the pool, and the scopes or bundles of the service that each grants. Roles that should check each other belong to different groups."
  type        = map(set(string))
  default = {
    readers   = ["read"]
    payers    = ["read", "write"]
    approvers = ["read", "payments:approve"]
    holders   = ["read", "payments:hold"]
  }

  validation {
    condition     = alltrue([for name in keys(var.cognito_groups) : can(regex("^[A-Za-z0-9_.-]{1,50}$", name))])
    error_message = "Each name must be letters, digits, '_', '.' and '-'."
  }

  validation {
    condition     = alltrue([for granted in values(var.cognito_groups) : length(granted) > 0 && length(setsubtract(granted, concat(local.bundles, keys(local.scopes)))) == 0])
    error_message = "Each group must grant scopes of the service, or the bundles read and write."
  }
}

variable "cognito_users" {
  description = "People in the pool, and the groups of each. They have no password until one is set: see README.md."
  type        = map(set(string))
  default     = { first = ["payers"] }

  validation {
    condition     = alltrue([for groups in values(var.cognito_users) : length(setsubtract(groups, keys(var.cognito_groups))) == 0])
    error_message = "Each group must be one of var.cognito_groups."
  }
}

variable "cognito_clients" {
  description = "Ids of further clients of the pool whose tokens are accepted, for programs: see README.md."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.cognito_clients : can(regex("^[A-Za-z0-9_]{1,128}$", id))])
    error_message = "Each must be the id of a client: letters, digits and '_'."
  }
}

variable "gateway_logs_account_role" {
  description = "Whether to set the role with which API Gateway writes logs. There is one for the whole account and region: switch it off if another stack manages it."
  type        = bool
  default     = true
}

# Logs and alarms

variable "log_retention_days" {
  description = "Retention of logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Must be a retention that CloudWatch supports, at least 30 days."
  }
}

variable "alarm_emails" {
  description = "E-mail addresses for alarms. Each one gets a message to confirm."
  type        = set(string)
  default     = []
}

variable "oldest_waiting_seconds" {
  description = "Seconds that a payment may wait for the dispatcher before the alarm."
  type        = number
  default     = 120

  validation {
    condition     = var.oldest_waiting_seconds >= 60
    error_message = "Must be at least 60: the sweep runs once a minute."
  }
}
