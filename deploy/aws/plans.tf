# Usage plans limit how much a caller may request. A gateway key identifies a caller and grants
# nothing: every call also needs one of the service's own keys, which Terraform never sees. So it is
# acceptable that the state holds gateway keys, as it does for every key that Terraform creates.

resource "aws_api_gateway_usage_plan" "this" {
  for_each = var.plans

  name        = "${var.name}-${each.key}"
  description = "${each.value.rate} requests a second"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = each.value.rate
    burst_limit = each.value.burst
  }

  dynamic "quota_settings" {
    for_each = each.value.month == null ? [] : [each.value.month]

    content {
      limit  = quota_settings.value
      period = "MONTH"
    }
  }
}

resource "aws_api_gateway_api_key" "this" {
  for_each = var.callers

  name        = "${var.name}-${each.key}"
  description = "${each.key}, on the plan ${each.value}"
}

resource "aws_api_gateway_usage_plan_key" "this" {
  for_each = var.callers

  key_id        = aws_api_gateway_api_key.this[each.key].id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.this[each.value].id
}
