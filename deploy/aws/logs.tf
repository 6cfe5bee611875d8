resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}-access"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# API Gateway writes logs with one role for the whole account and region.

data "aws_iam_policy_document" "assume_gateway" {
  count = var.gateway_logs_account_role ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "gateway_logs" {
  count = var.gateway_logs_account_role ? 1 : 0

  name               = "${var.name}-gateway-logs-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.assume_gateway[0].json
}

resource "aws_iam_role_policy_attachment" "gateway_logs" {
  count = var.gateway_logs_account_role ? 1 : 0

  role = aws_iam_role.gateway_logs[0].name
  # AWS's own policy: the role serves every gateway of the account, with any log group.
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  count = var.gateway_logs_account_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.gateway_logs[0].arn

  depends_on = [aws_iam_role_policy_attachment.gateway_logs]
}
