package aws

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// keyed are the types whose contents only who may decrypt with their key reads: the service asks for that on the caller's behalf, see
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service. Logs, images, databases and
// file systems are not among them, since their services decrypt by grants of their own.
var keyed = map[string]struct {
	service string   // as kms:ViaService has it
	path    []string // of the key
}{
	"AWS::DynamoDB::Table":        {"dynamodb", []string{"SSESpecification", "KMSMasterKeyId"}},
	"AWS::SecretsManager::Secret": {"secretsmanager", []string{"KmsKeyId"}},
	"AWS::SSM::Parameter":         {"ssm", []string{"KeyId"}},
	"AWS::SQS::Queue":             {"sqs", []string{"KmsMasterKeyId"}},
	"AWS::Kinesis::Stream":        {"kinesis", []string{"StreamEncryption", "KeyId"}},
}

// key returns the key of the account's own with which the contents of a store are encrypted, and the service that asks for it.
func key(r *plinth.Resource) (v plinth.Value, service string) {
	props := known(r)
	if typ := account.TypeOf(r); typ == "AWS::S3::Bucket" {
		service = "s3"
		for _, rule := range get(props, "BucketEncryption", "ServerSideEncryptionConfiguration").List() {
			if by := get(rule, "ServerSideEncryptionByDefault"); strings.HasPrefix(get(by, "SSEAlgorithm").Str(), "aws:kms") {
				v = get(by, "KMSMasterKeyID")
			}
		}
	} else if k, ok := keyed[typ]; ok {
		v, service = get(props, k.path...), k.service
	}
	if v.IsNull() || strings.Contains(v.Str(), "alias/aws/") {
		return plinth.Value{}, ""
	}
	return v, service
}

// unlock is how a principal decrypts what a store holds.
type unlock struct {
	free bool // there is nothing to decrypt, or nothing is known of the key
	when iam.Formula
	by   []iam.Proof
	key  *plinth.Resource
}

// unlocks asks whether somebody may decrypt the contents of a store.
func (w *scene) unlocks(r *plinth.Resource, ask func(key *plinth.Resource, keys map[string][]string) (iam.Answer, []iam.Proof)) unlock {
	v, service := key(r)
	if service == "" {
		return unlock{free: true, when: iam.Always()}
	}
	meant := w.Meant(r, "AWS::KMS::Key", v)
	if len(meant) == 0 || slices.ContainsFunc(meant, func(k *plinth.Resource) bool { return k.Data || k.External }) {
		return unlock{free: true, when: iam.Always()}
	}
	keys := map[string][]string{}
	if part := strings.SplitN(w.ARN(meant[0]), ":", 5); len(part) == 5 && part[3] != "" && !strings.Contains(part[3], "{") {
		keys["kms:ViaService"] = []string{service + "." + part[3] + ".amazonaws.com"}
	}
	a, by := ask(meant[0], keys)
	if a.Result != iam.Allowed {
		return unlock{}
	}
	return unlock{when: a.When, by: by, key: meant[0]}
}

// unlocked asks it of a principal.
func (w *scene) unlocked(p *account.Principal, r *plinth.Resource) unlock {
	return w.unlocks(r, func(key *plinth.Resource, keys map[string][]string) (iam.Answer, []iam.Proof) {
		a := w.Decide(p, decrypt, key, keys)
		if ways := w.Ways(a, p, decrypt, key); len(ways) > 0 {
			return a, ways[0].By
		}
		return a, a.Allows
	})
}

const decrypt = "kms:Decrypt"
