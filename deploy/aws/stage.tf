# A deployment of the API on one stage.

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A deployment is a snapshot: a new one is needed whenever something in it has changed.
  triggers = {
    content = sha1(jsonencode([
      filesha1("${path.module}/gateway.tf"),
      filesha1("${path.module}/models.json"),
      filesha1("${path.module}/problems.json"),
      var.authorizer,
      var.gateway_key_required,
      aws_lambda_function.this["api"].invoke_arn,
    ]))
  }

  depends_on = [
    aws_api_gateway_integration.this,
    aws_api_gateway_gateway_response.this,
  ]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = var.stage

  # Requests and responses, without bodies and keys, and with the path template: the real path has a
  # customer's id.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      time            = "$context.requestTime"
      request_id      = "$context.requestId"
      caller          = "$context.identity.apiKeyId"
      ip              = "$context.identity.sourceIp"
      method          = "$context.httpMethod"
      path            = "$context.resourcePath"
      status          = "$context.status"
      bytes           = "$context.responseLength"
      milliseconds    = "$context.responseLatency"
      in_function     = "$context.integrationLatency"
      function_status = "$context.integration.integrationStatus"
      refused_by      = "$context.error.responseType"
    })
  }

  # Without the role the stage cannot log.
  depends_on = [aws_api_gateway_account.this]
}

# Metrics of each method cost $2.10 a month a method. The stage's own are free, and enough except for
# the alarm on the latency of the one method that accepts payments. Methods that anybody may call have
# limits of their own, so that no flood of them uses what callers with a key have.
resource "aws_api_gateway_method_settings" "this" {
  for_each = {
    "*/*"                      = { metrics = false, rate = var.throttle.rate, burst = var.throttle.burst }
    "v1/api/payment/POST"      = { metrics = true, rate = var.throttle.rate, burst = var.throttle.burst }
    "webhooks/{provider}/POST" = { metrics = false, rate = var.public_throttle.webhooks_rate, burst = var.public_throttle.webhooks_burst }
    "healthz/GET"              = { metrics = false, rate = var.public_throttle.health_rate, burst = var.public_throttle.health_burst }
    "readyz/GET"               = { metrics = false, rate = var.public_throttle.health_rate, burst = var.public_throttle.health_burst }
  }

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = each.key

  settings {
    metrics_enabled        = each.value.metrics
    data_trace_enabled     = false # it would log bodies
    logging_level          = "ERROR"
    throttling_rate_limit  = each.value.rate
    throttling_burst_limit = each.value.burst
  }
}
