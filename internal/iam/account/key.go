package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// keyed are the types whose contents only who may decrypt with their key reads: the service asks for that on the caller's behalf, see
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service. Logs, images, databases and
// file systems are not among them, since their services decrypt by grants of their own.
var keyed = map[string]struct {
	service string // as kms:ViaService has it
	path    string // of the key
}{
	"AWS::DynamoDB::Table":        {"dynamodb", "SSESpecification.KMSMasterKeyId"},
	"AWS::SecretsManager::Secret": {"secretsmanager", "KmsKeyId"},
	"AWS::SSM::Parameter":         {"ssm", "KeyId"},
	"AWS::SQS::Queue":             {"sqs", "KmsMasterKeyId"},
	"AWS::Kinesis::Stream":        {"kinesis", "StreamEncryption.KeyId"},
}

// Key returns the key of the code with which the contents of a store are encrypted so that their readers have to decrypt with it, and
// the condition keys of that request. It is nil where there is none, where AWS keeps the key, or where nothing is known of it.
func (e *Estate) Key(r *plinth.Resource) (key *plinth.Resource, context map[string][]string) {
	var v plinth.Value
	service := "s3"
	if typ := TypeOf(r); typ == "AWS::S3::Bucket" {
		for _, by := range Values(r.Known(), "BucketEncryption.ServerSideEncryptionConfiguration[].ServerSideEncryptionByDefault") {
			if strings.HasPrefix(get(by, "SSEAlgorithm").Str(), "aws:kms") {
				v = get(by, "KMSMasterKeyID")
			}
		}
	} else if k, ok := keyed[typ]; ok {
		service = k.service
		for _, v = range Values(r.Known(), k.path) {
			break
		}
	}
	if v.IsNull() || strings.Contains(v.Str(), "alias/aws/") {
		return nil, nil
	}
	meant := e.Meant(r, "AWS::KMS::Key", v)
	if len(meant) == 0 || slices.ContainsFunc(meant, func(k *plinth.Resource) bool { return k.Data || k.External }) {
		return nil, nil
	}
	context = map[string][]string{}
	if part := strings.SplitN(e.ARN(meant[0]), ":", 5); len(part) == 5 && part[3] != "" && !strings.Contains(part[3], "{") {
		context["kms:ViaService"] = []string{service + "." + part[3] + ".amazonaws.com"}
	}
	return meant[0], context
}
