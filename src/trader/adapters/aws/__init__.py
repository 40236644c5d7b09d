"""The ports on AWS: DynamoDB, S3, SSM, Secrets Manager."""
