output "url" {
  description = "Where the API is; PAYMENTAPP_URL of the scripts in curl/."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "api_id" {
  description = "The REST API's id."
  value       = aws_api_gateway_rest_api.this.id
}

output "webhook_url" {
  description = "To be given to PayPal, which answers with the webhook's id (paypal_webhook_id)."
  value       = "${aws_api_gateway_stage.this.invoke_url}/webhooks/paypal"
}

output "table_names" {
  description = "The three tables."
  value = {
    customers     = aws_dynamodb_table.customers.name
    disbursements = aws_dynamodb_table.disbursements.name
    operations    = aws_dynamodb_table.operations.name
  }
}

output "secret_arn" {
  description = "Where the PayPal credentials are to be put."
  value       = aws_secretsmanager_secret.paypal.arn
}

output "gateway_key_ids" {
  description = "Callers' gateway keys, by id; `aws apigateway get-api-key --include-value` shows one."
  value       = { for caller, key in aws_api_gateway_api_key.this : caller => key.id }
}

output "function_names" {
  description = "The three functions."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "dead_letter_urls" {
  description = "The queues that should be empty."
  value       = { for name, queue in aws_sqs_queue.dead_letters : name => queue.url }
}

output "alarm_topic_arn" {
  description = "Where alarms go."
  value       = aws_sns_topic.alarms.arn
}
