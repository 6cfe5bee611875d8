# What a person is told of. Each alarm says what to do, or where that is written.

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "OwnAlarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  namespace = "Paymentapp/${var.name}"

  # Lines of docs/operating.md, counted. A line comes from the sweep or from the dispatcher.
  log_lines = {
    Parked        = "is parked"
    Misconfigured = "waits: Misconfigured"
    Unknown       = "waits: OutcomeUnknown"
    UnknownStatus = "status that the table does not know"
    SetAside      = "is set aside"
    StoreTrouble  = "could not read the store"
  }

  log_counts = {
    for pair in setproduct(["dispatch", "sweep"], keys(local.log_lines)) :
    "${pair[0]}-${pair[1]}" => { function = pair[0], metric = pair[1] }
  }

  log_alarms = {
    Parked = {
      what    = "A batch's outcome has been unknown for 25 days. A person decides: paymentapp, docs/operating.md."
      seconds = 300
      count   = 1
    }
    Misconfigured = {
      what    = "PayPal refuses our credentials or permissions, or there are no funds. Payments wait until this is put right."
      seconds = 300
      count   = 1
    }
    Unknown = {
      what    = "PayPal's answers have been lost for a quarter of an hour. The same batches go again by themselves; is PayPal up?"
      seconds = 900
      count   = 5
    }
    UnknownStatus = {
      what    = "PayPal said something that this version does not know. The payment stays as it is until it does."
      seconds = 3600
      count   = 1
    }
    SetAside = {
      what    = "A webhook contradicts what is on record, or is about no payment of ours. It changed nothing."
      seconds = 3600
      count   = 1
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "lines" {
  for_each = local.log_counts

  name           = each.value.metric
  log_group_name = aws_cloudwatch_log_group.function[each.value.function].name
  pattern        = "\"${local.log_lines[each.value.metric]}\""

  metric_transformation {
    namespace     = local.namespace
    name          = each.value.metric
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "lines" {
  for_each = local.log_alarms

  alarm_name          = "${var.name}-${lower(each.key)}"
  alarm_description   = each.value.what
  namespace           = local.namespace
  metric_name         = each.key
  statistic           = "Sum"
  period              = each.value.seconds
  evaluation_periods  = 1
  threshold           = each.value.count
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "stream_age" {
  alarm_name          = "${var.name}-stream-age"
  alarm_description   = "The dispatcher is behind the stream by more than ${var.oldest_waiting_seconds} s: it fails, or it needs dispatch_concurrency."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = aws_lambda_function.this["dispatch"].function_name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.oldest_waiting_seconds * 1000
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The sweep is what makes dispatching certain: its silence is the worst of all.
resource "aws_cloudwatch_metric_alarm" "sweep_silent" {
  alarm_name          = "${var.name}-sweep-silent"
  alarm_description   = "The sweep has not run for five minutes: nothing is followed, and nothing that was dropped is found."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = aws_lambda_function.this["sweep"].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  actions_enabled     = var.sweep_enabled
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = local.functions

  alarm_name          = "${var.name}-${each.key}-errors"
  alarm_description   = "${each.key} raised or ran out of time, in three of five minutes. Payments are safe; its log says why."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The dispatcher is throttled whenever its reserved concurrency is used up, which only delays: its
# stream's age tells when that is too much.
resource "aws_cloudwatch_metric_alarm" "function_throttles" {
  for_each = toset(["api", "sweep"])

  alarm_name          = "${var.name}-${each.key}-throttles"
  alarm_description   = "Lambda has no room for ${each.key}: raise the account's limit of concurrent executions."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = aws_sqs_queue.dead_letters

  alarm_name          = "${var.name}-${each.key}-dead-letters"
  alarm_description   = "${each.key} could not do what was put into this queue. The payments themselves are in the tables, and the sweep goes on with them; find out why, then purge."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "gateway_5xx" {
  alarm_name          = "${var.name}-5xx"
  alarm_description   = "Callers get 5xx, in three of five minutes. They may repeat under their Idempotency-Key."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5XXError"
  dimensions          = { ApiName = aws_api_gateway_rest_api.this.name, Stage = aws_api_gateway_stage.this.stage_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Requests that ask to wait (Prefer) are slow on purpose: hence of one method, and the median.
resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name        = "${var.name}-latency"
  alarm_description = "Half of all requests for a payment take longer than a second."
  namespace         = "AWS/ApiGateway"
  metric_name       = "Latency"
  dimensions = {
    ApiName  = aws_api_gateway_rest_api.this.name
    Stage    = aws_api_gateway_stage.this.stage_name
    Resource = aws_api_gateway_resource.payments.path
    Method   = "POST"
  }
  extended_statistic  = "p50"
  period              = 60
  evaluation_periods  = 5
  threshold           = 1000
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "table_throttles" {
  for_each = {
    customers     = aws_dynamodb_table.customers.name
    disbursements = aws_dynamodb_table.disbursements.name
    operations    = aws_dynamodb_table.operations.name
  }

  alarm_name          = "${var.name}-${each.key}-table-throttles"
  alarm_description   = "DynamoDB refuses writes to ${each.value}: a partition is hot. docs/scale.md says what to turn."
  namespace           = "AWS/DynamoDB"
  metric_name         = "WriteThrottleEvents"
  dimensions          = { TableName = each.value }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
