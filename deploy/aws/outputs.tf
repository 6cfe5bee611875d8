output "url" {
  description = "Address of the API; PAYMENTAPP_URL of the scripts in curl/."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "api_id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "webhook_url" {
  description = "Address to register with PayPal, which returns the webhook's id (paypal_webhook_id)."
  value       = "${aws_api_gateway_stage.this.invoke_url}/webhooks/paypal"
}

output "table_names" {
  description = "Names of the three tables."
  value = {
    customers     = aws_dynamodb_table.customers.name
    disbursements = aws_dynamodb_table.disbursements.name
    operations    = aws_dynamodb_table.operations.name
  }
}

output "secret_arn" {
  description = "ARN of the secret for the providers' credentials."
  value       = aws_secretsmanager_secret.paypal.arn
}

output "further_secret_arns" {
  description = "ARNs of the further secrets, by what they are for."
  value       = { for name, secret in aws_secretsmanager_secret.further : name => secret.arn }
}

output "gateway_key_ids" {
  description = "Callers' gateway keys, by id; `aws apigateway get-api-key --include-value` shows one."
  value       = { for caller, key in aws_api_gateway_api_key.this : caller => key.id }
}

output "cognito" {
  description = "The user pool, the client by which people sign in, and where programs get tokens; null without one."
  value = var.cognito ? {
    user_pool_id = aws_cognito_user_pool.this[0].id
    client_id    = aws_cognito_user_pool_client.people[0].id
    token_url    = "https://${aws_cognito_user_pool_domain.this[0].domain}.auth.${var.region}.amazoncognito.com/oauth2/token"
  } : null
}

output "function_names" {
  description = "Names of the four functions."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "dead_letter_urls" {
  description = "Dead letter queues, which should be empty."
  value       = { for name, queue in aws_sqs_queue.dead_letters : name => queue.url }
}

output "alarm_topic_arn" {
  description = "ARN of the topic for alarms."
  value       = aws_sns_topic.alarms.arn
}

output "events_topic_arn" {
  description = "ARN of the topic of events; null without one."
  value       = one(aws_sns_topic.events[*].arn)
}
