# One dashboard, in the order of a payment's life.

locals {
  widgets = [
    {
      title = "Requests"
      metrics = [
        for name in ["Count", "4XXError", "5XXError"] :
        ["AWS/ApiGateway", name, "ApiName", var.name, "Stage", var.stage, { stat = "Sum" }]
      ]
    },
    {
      title = "Latency of requests for a payment, ms"
      metrics = [
        for stat in ["p50", "p99"] :
        ["AWS/ApiGateway", "Latency", "ApiName", var.name, "Stage", var.stage, "Resource", aws_api_gateway_resource.payments.path, "Method", "POST", { stat = stat, label = stat }]
      ]
    },
    {
      title   = "How far the dispatcher is behind the stream, ms"
      metrics = [["AWS/Lambda", "IteratorAge", "FunctionName", "${var.name}-dispatch", { stat = "Maximum" }]]
    },
    {
      title   = "Batches that wait or are parked, events set aside"
      metrics = [for name in keys(local.log_lines) : [local.namespace, name, { stat = "Sum" }]]
    },
    {
      title   = "Functions: runs"
      metrics = [for name in keys(local.functions) : ["AWS/Lambda", "Invocations", "FunctionName", "${var.name}-${name}", { stat = "Sum", label = name }]]
    },
    {
      title = "Functions: errors and throttles"
      metrics = [
        for pair in setproduct(keys(local.functions), ["Errors", "Throttles"]) :
        ["AWS/Lambda", pair[1], "FunctionName", "${var.name}-${pair[0]}", { stat = "Sum", label = join(" ", pair) }]
      ]
    },
    {
      title   = "Functions at a time"
      metrics = [for name in keys(local.functions) : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", "${var.name}-${name}", { stat = "Maximum", label = name }]]
    },
    {
      title   = "Dead letters"
      metrics = [for name, queue in aws_sqs_queue.dead_letters : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name, { stat = "Maximum", label = name }]]
    },
    {
      title = "Write units"
      metrics = [
        for table in [aws_dynamodb_table.customers.name, aws_dynamodb_table.disbursements.name, aws_dynamodb_table.operations.name] :
        ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table, { stat = "Sum" }]
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          metrics = widget.metrics
          region  = var.region
          period  = 60
          view    = "timeSeries"
        }
      }
    ]
  })
}
