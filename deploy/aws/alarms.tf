# Alarms for operators. Each one says what to do, or where to read it.

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

  # Counts of log lines that docs/operating.md explains. The sweep or the dispatcher writes them.
  log_lines = {
    Overdue       = "oldest due payment has waited"
    Parked        = "is parked"
    Misconfigured = "waits: Misconfigured"
    Unknown       = "waits: OutcomeUnknown"
    UnknownStatus = "status that the table does not know"
    SetAside      = "set aside:"
    UnreadFile    = "no payment of this bank succeeds"
    StoreTrouble  = "could not read the store"
  }

  log_counts = {
    for pair in setproduct(["dispatch", "sweep"], keys(local.log_lines)) :
    "${pair[0]}-${pair[1]}" => { function = pair[0], metric = pair[1] }
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

# The default of an alarm: a sum of 1 or more in a minute, in three minutes of five.
locals {
  alarms = merge(
    {
      # Due and not in a batch, by the tables, independent of the stream.
      overdue = {
        what      = "A payment has been due for minutes, in three of five sweeps. The sweep's log says how long. PayPal's calls fail, or there are too few dispatchers."
        namespace = local.namespace, metric = "Overdue"
      }
      parked = {
        what      = "A batch is parked: its outcome is unknown and it is not sent again. An operator has to decide (paymentapp parked)."
        namespace = local.namespace, metric = "Parked"
        seconds   = 300, periods = 1, of = 1
      }
      misconfigured = {
        what      = "PayPal refuses the credentials or permissions, or there are no funds. Payments wait until this is fixed."
        namespace = local.namespace, metric = "Misconfigured"
        seconds   = 300, periods = 1, of = 1
      }
      unknown = {
        what      = "PayPal's answers have been lost for 15 minutes. The same batches are sent again automatically. Check whether PayPal is up."
        namespace = local.namespace, metric = "Unknown"
        seconds   = 900, periods = 1, of = 1, threshold = 5
      }
      unknown-status = {
        what      = "PayPal reported a status that this version does not know. The payment's status stays as it is until a version knows it."
        namespace = local.namespace, metric = "UnknownStatus"
        seconds   = 3600, periods = 1, of = 1
      }
      set-aside = {
        what      = "A provider's event contradicts the stored records, or names no payment of ours. It changed nothing; an operator decides (paymentapp inbox)."
        namespace = local.namespace, metric = "SetAside"
        seconds   = 3600, periods = 1, of = 1
      }
      unread-file = {
        what      = "A file of the bank's cannot be read, or not wholly. Until it is, no ACH payment succeeds by waiting; an operator decides (paymentapp inbox)."
        namespace = local.namespace, metric = "UnreadFile"
        seconds   = 3600, periods = 1, of = 1
      }
      oldest-waiting = {
        what       = "A payment has waited for the dispatcher for more than ${var.oldest_waiting_seconds} s: the dispatcher fails, or needs more dispatch_concurrency."
        namespace  = "AWS/Lambda", metric = "IteratorAge"
        dimensions = { FunctionName = aws_lambda_function.this["dispatch"].function_name }
        statistic  = "Maximum", threshold = 1000 * var.oldest_waiting_seconds
      }
      # Recovery depends on the sweep, so this alarm is the most important one.
      sweep-silent = {
        what       = "The sweep has not run for five minutes: nothing is polled, and interrupted work is not resumed."
        namespace  = "AWS/Lambda", metric = "Invocations"
        dimensions = { FunctionName = aws_lambda_function.this["sweep"].function_name }
        below      = true, silence = "breaching"
        seconds    = 300, periods = 1, of = 1
      }
      gateway-5xx = {
        what       = "Callers get 5xx. They may retry under their Idempotency-Key."
        namespace  = "AWS/ApiGateway", metric = "5XXError"
        dimensions = { ApiName = var.name, Stage = var.stage }
      }
      # Callers that wait (Prefer) are slow on purpose; so this is the median of one method.
      latency = {
        what       = "Half of all requests for a payment take longer than a second."
        namespace  = "AWS/ApiGateway", metric = "Latency"
        dimensions = { ApiName = var.name, Stage = var.stage, Resource = aws_api_gateway_resource.payments.path, Method = "POST" }
        percentile = "p50", threshold = 1000
      }
    },
    {
      for name, function in aws_lambda_function.this : "${name}-errors" => {
        what       = "${name} raised an error, or ran out of time. No payment is lost; its log has the reason."
        namespace  = "AWS/Lambda", metric = "Errors"
        dimensions = { FunctionName = function.function_name }
      }
    },
    {
      # Not the dispatcher: it is throttled whenever its reserved concurrency is in use. That only
      # delays payments, and `oldest-waiting` reports when the delay is too long.
      for name in ["api", "deliver", "sweep"] : "${name}-throttles" => {
        what       = "Lambda throttles ${name}: raise what is reserved for it (${name == "api" ? "it has what others do not reserve" : "${name}_concurrency"}), or the account's limit of concurrent executions."
        namespace  = "AWS/Lambda", metric = "Throttles"
        dimensions = { FunctionName = aws_lambda_function.this[name].function_name }
      }
    },
    {
      for name, queue in aws_sqs_queue.dead_letters : "${name}-dead-letters" => {
        what       = "${name} failed on what is in this queue. Payments and events are in the tables, and the sweep resumes them. Find out why, then purge the queue."
        namespace  = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = queue.name }
        statistic  = "Maximum"
        seconds    = 300, periods = 1, of = 1
      }
    },
    {
      for name, table in {
        customers     = aws_dynamodb_table.customers
        disbursements = aws_dynamodb_table.disbursements
        operations    = aws_dynamodb_table.operations
        } : "${name}-throttles" => {
        what       = "DynamoDB throttles writes to ${table.name}: a partition is hot. docs/scale.md says which settings to change."
        namespace  = "AWS/DynamoDB", metric = "WriteThrottleEvents"
        dimensions = { TableName = table.name }
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = try(each.value.dimensions, null)
  statistic           = can(each.value.percentile) ? null : try(each.value.statistic, "Sum")
  extended_statistic  = try(each.value.percentile, null)
  period              = try(each.value.seconds, 60)
  evaluation_periods  = try(each.value.periods, 5)
  datapoints_to_alarm = try(each.value.of, 3)
  threshold           = try(each.value.threshold, 1)
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  treat_missing_data  = try(each.value.silence, "notBreaching")
  actions_enabled     = each.key != "sweep-silent" || var.sweep_enabled
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
