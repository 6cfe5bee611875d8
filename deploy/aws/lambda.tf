# One zip, four functions: the API, the dispatcher on the stream, the sweep, and the deliveries of events.

locals {
  functions = {
    api = {
      handler     = "paymentapp.aws_lambda.api"
      timeout     = 30 # the gateway waits 29 s
      concurrency = -1 # the stage's throttling limits it; what the others reserve is not its own
      dead_letter = false
    }
    dispatch = {
      handler     = "paymentapp.aws_lambda.dispatch"
      timeout     = 120 # a provider's answer may take 20 s, and each currency needs a call
      concurrency = var.dispatch_concurrency
      dead_letter = true
    }
    sweep = {
      handler     = "paymentapp.aws_lambda.sweep"
      timeout     = 60 # until the next one comes
      concurrency = var.sweep_concurrency
      dead_letter = true
    }
    deliver = {
      handler     = "paymentapp.aws_lambda.deliver"
      timeout     = 60 # two attempts that take as long as they may; the rest is for the next message
      concurrency = var.deliver_concurrency
      dead_letter = false # its queue has one
    }
  }

  environment = merge(
    {
      PAYMENTAPP_STORE              = "dynamodb"
      PAYMENTAPP_TABLE_PREFIX       = var.table_prefix
      PAYMENTAPP_DUE_SHARDS         = tostring(var.due_shards)
      PAYMENTAPP_BATCH_SIZE         = tostring(var.batch_size)
      PAYMENTAPP_PAYPAL_WEBHOOK_ID  = var.paypal_webhook_id
      PAYMENTAPP_DELIVERY_QUEUE_URL = aws_sqs_queue.deliveries.url
      PAYPAL_BASE_URL               = var.paypal_base_url
    },
    local.oidc_environment,
    local.events_environment,
    var.settings,
  )

  # What a function may read is not for `settings` to change.
  environments = {
    for name in keys(local.functions) : name => merge(local.environment, local.secrets_environment[name])
  }
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  description                    = "Payments: ${each.key}"
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = "python3.12"
  architectures                  = [var.lambda_architecture]
  handler                        = each.value.handler
  filename                       = var.lambda_zip
  source_code_hash               = filebase64sha256(var.lambda_zip)
  memory_size                    = var.lambda_memory_mb
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = local.environments[each.key]
  }

  # For asynchronous calls; records that the stream could not deliver have their own destination.
  dynamic "dead_letter_config" {
    for_each = each.value.dead_letter ? [aws_sqs_queue.dead_letters[each.key].arn] : []

    content {
      target_arn = dead_letter_config.value
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }

  # Lambda accesses the queue and writes logs as soon as the function exists.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_permission" "gateway" {
  statement_id  = "gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/${var.stage}/*"
}
