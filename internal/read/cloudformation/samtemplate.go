package cloudformation

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// samTemplates are the policy templates that functions use most, by the actions that they allow, as
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html gives them.
// Each of these names one resource by its parameters.
var samTemplates = map[string]string{
	"AWSSecretsManagerGetSecretValuePolicy": "secretsmanager:GetSecretValue",
	"DynamoDBCrudPolicy": "dynamodb:GetItem dynamodb:DeleteItem dynamodb:PutItem dynamodb:Scan dynamodb:Query dynamodb:UpdateItem " +
		"dynamodb:BatchWriteItem dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:ConditionCheckItem",
	"DynamoDBReadPolicy":         "dynamodb:GetItem dynamodb:Scan dynamodb:Query dynamodb:BatchGetItem dynamodb:DescribeTable",
	"DynamoDBWritePolicy":        "dynamodb:PutItem dynamodb:UpdateItem dynamodb:BatchWriteItem",
	"EventBridgePutEventsPolicy": "events:PutEvents",
	"FirehoseWritePolicy":        "firehose:PutRecord firehose:PutRecordBatch",
	"KMSDecryptPolicy":           "kms:Decrypt",
	"KMSEncryptPolicy":           "kms:Encrypt",
	"KinesisCrudPolicy": "kinesis:AddTagsToStream kinesis:CreateStream kinesis:DecreaseStreamRetentionPeriod kinesis:DeleteStream " +
		"kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetShardIterator kinesis:IncreaseStreamRetentionPeriod " +
		"kinesis:ListTagsForStream kinesis:MergeShards kinesis:PutRecord kinesis:PutRecords kinesis:SplitShard kinesis:RemoveTagsFromStream",
	"LambdaInvokePolicy": "lambda:InvokeFunction",
	"S3CrudPolicy": "s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:PutObject s3:PutObjectAcl " +
		"s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration s3:DeleteObject",
	"S3ReadPolicy":                 "s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:GetLifecycleConfiguration",
	"S3WritePolicy":                "s3:PutObject s3:PutObjectAcl s3:PutLifecycleConfiguration",
	"SNSCrudPolicy":                "sns:ListSubscriptionsByTopic sns:CreateTopic sns:SetTopicAttributes sns:Subscribe sns:Publish",
	"SNSPublishMessagePolicy":      "sns:Publish",
	"SQSPollerPolicy":              "sqs:ChangeMessageVisibility sqs:ChangeMessageVisibilityBatch sqs:DeleteMessage sqs:DeleteMessageBatch sqs:GetQueueAttributes sqs:ReceiveMessage",
	"SQSSendMessagePolicy":         "sqs:SendMessage*",
	"StepFunctionsExecutionPolicy": "states:StartExecution",
}

// policyTemplate is the document of a SAM policy template ({S3ReadPolicy: {BucketName: …}}): its actions on an ARN that the parameters
// decide. Of a template that is not listed the document is unknown because of its name.
func policyTemplate(p plinth.Value) plinth.Value {
	fields := p.Fields()
	if len(fields) == 0 {
		return plinth.UnknownOf("policy template")
	}
	name, parameters := fields[0].Key, fields[0].Value
	listed, ok := samTemplates[name]
	if !ok {
		return plinth.UnknownOf(name)
	}
	var actions []plinth.Value
	for _, a := range strings.Fields(listed) {
		actions = append(actions, plinth.StringOf(a))
	}
	var refs []plinth.Ref
	for _, f := range parameters.Fields() {
		refs = append(refs, f.Value.Refs()...)
	}
	resource := plinth.UnknownOf(name).WithEnds("arn:", "").WithRefs(refs...)
	return object("Version", plinth.StringOf("2012-10-17"), "Statement", plinth.ListOf([]plinth.Value{object("Effect", plinth.StringOf("Allow"),
		"Action", plinth.ListOf(actions), "Resource", plinth.ListOf([]plinth.Value{resource}))}))
}
