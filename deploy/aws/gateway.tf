# The REST API: its resources, and one configuration for every method.

resource "aws_api_gateway_rest_api" "this" {
  name                     = var.name
  description              = "Pay people, exactly once"
  minimum_compression_size = -1 # responses are small

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "v1" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "v1"
}

resource "aws_api_gateway_resource" "api" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "api"
}

# /v1/api/customer/{customer_id}

resource "aws_api_gateway_resource" "customers" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "customer"
}

resource "aws_api_gateway_resource" "customer" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.customers.id
  path_part   = "{customer_id}"
}

resource "aws_api_gateway_resource" "customer_history" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.customer.id
  path_part   = "history"
}

# /v1/api/customer/{customer_id}/payment-methods/{method}

resource "aws_api_gateway_resource" "payment_methods" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.customer.id
  path_part   = "payment-methods"
}

resource "aws_api_gateway_resource" "payment_method" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payment_methods.id
  path_part   = "{method}"
}

# /v1/api/payment/{customer_id}/{payment_id}/{cancel,retry}

resource "aws_api_gateway_resource" "payments" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "payment"
}

resource "aws_api_gateway_resource" "customer_payments" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payments.id
  path_part   = "{customer_id}"
}

resource "aws_api_gateway_resource" "payment" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.customer_payments.id
  path_part   = "{payment_id}"
}

resource "aws_api_gateway_resource" "cancellation" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payment.id
  path_part   = "cancel"
}

resource "aws_api_gateway_resource" "retry" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payment.id
  path_part   = "retry"
}

# /v1/api/payment/{customer_id}/{payment_id}/approve and /reject

resource "aws_api_gateway_resource" "payment_approval" {
  for_each = toset(["approve", "reject"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payment.id
  path_part   = each.key
}

# /v1/api/payment/{customer_id}/{payment_id}/hold and /release

resource "aws_api_gateway_resource" "payment_hold" {
  for_each = toset(["hold", "release"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.payment.id
  path_part   = each.key
}

# /v1/api/holds/{hold_id}

resource "aws_api_gateway_resource" "holds" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "holds"
}

resource "aws_api_gateway_resource" "hold" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.holds.id
  path_part   = "{hold_id}"
}

# /v1/api/bulk/{bulk_id}, and below it /rows and what is done with a run

resource "aws_api_gateway_resource" "bulk" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "bulk"
}

resource "aws_api_gateway_resource" "bulk_run" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.bulk.id
  path_part   = "{bulk_id}"
}

resource "aws_api_gateway_resource" "bulk_run_parts" {
  for_each = toset(["rows", "hold", "release", "cancel", "approve", "reject"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.bulk_run.id
  path_part   = each.key
}

# /v1/api/readiness

resource "aws_api_gateway_resource" "readiness" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "readiness"
}

# /v1/api/limits

resource "aws_api_gateway_resource" "limits" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "limits"
}

# /v1/api/reports/payments and /summary

resource "aws_api_gateway_resource" "reports" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "reports"
}

resource "aws_api_gateway_resource" "report" {
  for_each = toset(["payments", "summary"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.reports.id
  path_part   = each.key
}

# /v1/api/balances

resource "aws_api_gateway_resource" "balances" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "balances"
}

# /v1/api/events/{event_id}

resource "aws_api_gateway_resource" "events" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "events"
}

resource "aws_api_gateway_resource" "event" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.events.id
  path_part   = "{event_id}"
}

# /v1/api/webhook-endpoints/{endpoint_id}

resource "aws_api_gateway_resource" "webhook_endpoints" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.api.id
  path_part   = "webhook-endpoints"
}

resource "aws_api_gateway_resource" "webhook_endpoint" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhook_endpoints.id
  path_part   = "{endpoint_id}"
}

# /v1/api/webhook-endpoints/{endpoint_id}/rotate-secret, /test and /deliveries

resource "aws_api_gateway_resource" "webhook_endpoint_parts" {
  for_each = toset(["rotate-secret", "test", "deliveries"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhook_endpoint.id
  path_part   = each.key
}

# /v1/api/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver

resource "aws_api_gateway_resource" "webhook_delivery" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhook_endpoint_parts["deliveries"].id
  path_part   = "{delivery_id}"
}

resource "aws_api_gateway_resource" "webhook_redelivery" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhook_delivery.id
  path_part   = "redeliver"
}

# /webhooks/{provider}

resource "aws_api_gateway_resource" "webhooks" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "webhooks"
}

resource "aws_api_gateway_resource" "webhook" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhooks.id
  path_part   = "{provider}"
}

# /healthz, /readyz

resource "aws_api_gateway_resource" "health" {
  for_each = toset(["healthz", "readyz"])

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = each.key
}

locals {
  # By the operationId of the OpenAPI document. A public method needs no keys: health reveals no
  # secret, and a webhook is authenticated by its signature.
  methods = {
    add_customer            = { resource = aws_api_gateway_resource.customers, verb = "POST", model = "NewCustomer" }
    list_customers          = { resource = aws_api_gateway_resource.customers, verb = "GET" }
    change_customer         = { resource = aws_api_gateway_resource.customer, verb = "PATCH", model = "CustomerPatch" }
    erase_customer          = { resource = aws_api_gateway_resource.customer, verb = "DELETE" }
    get_customer            = { resource = aws_api_gateway_resource.customer, verb = "GET" }
    get_customer_history    = { resource = aws_api_gateway_resource.customer_history, verb = "GET" }
    list_payment_methods    = { resource = aws_api_gateway_resource.payment_methods, verb = "GET" }
    put_payment_method      = { resource = aws_api_gateway_resource.payment_method, verb = "PUT" }
    get_payment_method      = { resource = aws_api_gateway_resource.payment_method, verb = "GET" }
    delete_payment_method   = { resource = aws_api_gateway_resource.payment_method, verb = "DELETE" }
    request_payment         = { resource = aws_api_gateway_resource.payments, verb = "POST", model = "PaymentOrder" }
    list_payments           = { resource = aws_api_gateway_resource.customer_payments, verb = "GET" }
    list_account_payments   = { resource = aws_api_gateway_resource.payments, verb = "GET" }
    get_payment             = { resource = aws_api_gateway_resource.payment, verb = "GET" }
    cancel_payment          = { resource = aws_api_gateway_resource.cancellation, verb = "POST" }
    retry_payment           = { resource = aws_api_gateway_resource.retry, verb = "POST", model = "RetryOrder" }
    approve_payment         = { resource = aws_api_gateway_resource.payment_approval["approve"], verb = "POST", model = "ApprovalNote" }
    reject_payment          = { resource = aws_api_gateway_resource.payment_approval["reject"], verb = "POST", model = "Reason" }
    hold_payment            = { resource = aws_api_gateway_resource.payment_hold["hold"], verb = "POST", model = "Reason" }
    release_payment         = { resource = aws_api_gateway_resource.payment_hold["release"], verb = "POST" }
    place_hold              = { resource = aws_api_gateway_resource.holds, verb = "POST", model = "NewHold" }
    list_holds              = { resource = aws_api_gateway_resource.holds, verb = "GET" }
    ask_bulk_run            = { resource = aws_api_gateway_resource.bulk, verb = "POST" }
    list_bulk_runs          = { resource = aws_api_gateway_resource.bulk, verb = "GET" }
    get_bulk_run            = { resource = aws_api_gateway_resource.bulk_run, verb = "GET" }
    list_bulk_rows          = { resource = aws_api_gateway_resource.bulk_run_parts["rows"], verb = "GET" }
    hold_bulk_run           = { resource = aws_api_gateway_resource.bulk_run_parts["hold"], verb = "POST", model = "Reason" }
    release_bulk_run        = { resource = aws_api_gateway_resource.bulk_run_parts["release"], verb = "POST" }
    approve_bulk_run        = { resource = aws_api_gateway_resource.bulk_run_parts["approve"], verb = "POST", model = "ApprovalNote" }
    reject_bulk_run         = { resource = aws_api_gateway_resource.bulk_run_parts["reject"], verb = "POST", model = "Reason" }
    cancel_bulk_run         = { resource = aws_api_gateway_resource.bulk_run_parts["cancel"], verb = "POST" }
    show_limits             = { resource = aws_api_gateway_resource.limits, verb = "GET" }
    show_balances           = { resource = aws_api_gateway_resource.balances, verb = "GET" }
    report_payments         = { resource = aws_api_gateway_resource.report["payments"], verb = "GET" }
    report_summary          = { resource = aws_api_gateway_resource.report["summary"], verb = "GET" }
    show_readiness          = { resource = aws_api_gateway_resource.readiness, verb = "GET" }
    list_events             = { resource = aws_api_gateway_resource.events, verb = "GET" }
    get_event               = { resource = aws_api_gateway_resource.event, verb = "GET" }
    release_hold            = { resource = aws_api_gateway_resource.hold, verb = "DELETE" }
    add_webhook_endpoint    = { resource = aws_api_gateway_resource.webhook_endpoints, verb = "POST", model = "NewWebhookEndpoint" }
    list_webhook_endpoints  = { resource = aws_api_gateway_resource.webhook_endpoints, verb = "GET" }
    get_webhook_endpoint    = { resource = aws_api_gateway_resource.webhook_endpoint, verb = "GET" }
    change_webhook_endpoint = { resource = aws_api_gateway_resource.webhook_endpoint, verb = "PATCH", model = "WebhookEndpointPatch" }
    delete_webhook_endpoint = { resource = aws_api_gateway_resource.webhook_endpoint, verb = "DELETE" }
    rotate_webhook_secret   = { resource = aws_api_gateway_resource.webhook_endpoint_parts["rotate-secret"], verb = "POST" }
    test_webhook_endpoint   = { resource = aws_api_gateway_resource.webhook_endpoint_parts["test"], verb = "POST" }
    list_webhook_deliveries = { resource = aws_api_gateway_resource.webhook_endpoint_parts["deliveries"], verb = "GET" }
    redeliver_webhook       = { resource = aws_api_gateway_resource.webhook_redelivery, verb = "POST" }
    receive_webhook         = { resource = aws_api_gateway_resource.webhook, verb = "POST", public = true }
    healthz                 = { resource = aws_api_gateway_resource.health["healthz"], verb = "GET", public = true }
    readyz                  = { resource = aws_api_gateway_resource.health["readyz"], verb = "GET", public = true }
  }

  authorization = (
    var.authorizer == null ? "NONE" : length(var.authorizer.user_pool_arns) > 0 ? "COGNITO_USER_POOLS" : "CUSTOM"
  )
}

resource "aws_api_gateway_method" "this" {
  for_each = local.methods

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = each.value.resource.id
  http_method          = each.value.verb
  operation_name       = each.key
  api_key_required     = var.gateway_key_required && !try(each.value.public, false)
  authorization        = try(each.value.public, false) ? "NONE" : local.authorization
  authorizer_id        = try(each.value.public, false) ? null : one(aws_api_gateway_authorizer.this[*].id)
  authorization_scopes = try(each.value.public, false) ? null : try(var.authorizer.scopes, null)

  # Validates the body where there is a model for it, and the path's parameters everywhere.
  request_validator_id = aws_api_gateway_request_validator.this[can(each.value.model) ? "body" : "parameters"].id
  request_models       = can(each.value.model) ? { "application/json" = aws_api_gateway_model.this[each.value.model].name } : {}
  request_parameters = {
    for name in flatten(regexall("{([a-z_]+)}", each.value.resource.path)) : "method.request.path.${name}" => true
  }
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.methods

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = each.value.resource.id
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.this["api"].invoke_arn
}

resource "aws_api_gateway_request_validator" "this" {
  for_each = { body = true, parameters = false }

  rest_api_id                 = aws_api_gateway_rest_api.this.id
  name                        = each.key
  validate_request_body       = each.value
  validate_request_parameters = true
}

# Generated from the service's schemas by `make models`. They are less strict than the service on
# purpose: the service checks and explains what they let through.
resource "aws_api_gateway_model" "this" {
  for_each = jsondecode(file("${path.module}/models.json"))

  rest_api_id  = aws_api_gateway_rest_api.this.id
  name         = each.key
  content_type = "application/json"
  schema       = jsonencode(each.value)
}

# The gateway's error responses look like the service's: `make models` writes their bodies too.
resource "aws_api_gateway_gateway_response" "this" {
  for_each = jsondecode(file("${path.module}/problems.json"))

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = each.value.status

  response_templates = {
    "application/json" = jsonencode(each.value.body)
  }

  # A text in quotes is a constant; the request id is the gateway's own, as in the access log.
  response_parameters = merge(
    { for name, value in each.value.headers : "gatewayresponse.header.${name}" => "'${value}'" },
    { "gatewayresponse.header.X-Request-Id" = "context.requestId" },
  )
}

resource "aws_api_gateway_authorizer" "this" {
  count = var.authorizer == null ? 0 : 1

  rest_api_id                      = aws_api_gateway_rest_api.this.id
  name                             = "callers"
  type                             = local.authorization == "CUSTOM" ? "TOKEN" : "COGNITO_USER_POOLS"
  provider_arns                    = var.authorizer.user_pool_arns
  authorizer_uri                   = local.authorization == "CUSTOM" ? "arn:${data.aws_partition.current.partition}:apigateway:${var.region}:lambda:path/2015-03-31/functions/${var.authorizer.function_arn}/invocations" : null
  identity_source                  = "method.request.header.${var.authorizer.header}"
  authorizer_result_ttl_in_seconds = var.authorizer.cache_seconds
}

resource "aws_lambda_permission" "authorizer" {
  count = local.authorization == "CUSTOM" ? 1 : 0

  statement_id  = "${var.name}-gateway"
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer.function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/authorizers/${aws_api_gateway_authorizer.this[0].id}"
}
