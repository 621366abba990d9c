package aws

import (
	"context"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// stores are the types that hold data, with the actions of which each reads it.
var stores = []struct {
	typ     string
	actions []string
}{
	{"AWS::S3::Bucket", []string{"s3:GetObject"}},
	{"AWS::DynamoDB::Table", []string{"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query", "dynamodb:BatchGetItem"}},
	{"AWS::DynamoDB::GlobalTable", []string{"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query", "dynamodb:BatchGetItem"}},
	{"AWS::SecretsManager::Secret", []string{"secretsmanager:GetSecretValue"}},
	{"AWS::SSM::Parameter", []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"}},
	{"AWS::KMS::Key", []string{"kms:Decrypt"}},
	{"AWS::SQS::Queue", []string{"sqs:ReceiveMessage"}},
	{"AWS::SNS::Topic", []string{"sns:Subscribe"}},
	{"AWS::Kinesis::Stream", []string{"kinesis:GetRecords"}},
	{"AWS::ECR::Repository", []string{"ecr:BatchGetImage"}},
	{"AWS::RDS::DBCluster", []string{"rds-data:ExecuteStatement", "rds:CreateDBClusterSnapshot"}},
	{"AWS::RDS::DBInstance", []string{"rds:CreateDBSnapshot"}},
	{"AWS::Redshift::Cluster", []string{"redshift:GetClusterCredentials", "redshift-data:ExecuteStatement"}},
	{"AWS::OpenSearchService::Domain", []string{"es:ESHttpGet"}},
	{"AWS::Elasticsearch::Domain", []string{"es:ESHttpGet"}},
	{"AWS::EFS::FileSystem", []string{"elasticfilesystem:ClientMount"}},
	{"AWS::Logs::LogGroup", []string{"logs:GetLogEvents", "logs:FilterLogEvents"}},
	{"AWS::Backup::BackupVault", []string{"backup:StartRestoreJob"}},
}

// data tells who may read which store. Administrators do so as such.
func (w *scene) data(ctx context.Context) error {
	everybody := slices.Concat(w.Principals(), w.Groups())
	for _, store := range stores {
		all := w.Resources(store.typ)
		if len(all) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, p := range everybody {
			w.reads(p, all, store.actions)
		}
		for _, r := range all {
			w.holds(r, store.actions[0])
		}
	}
	return nil
}

// reads tells which of the stores a principal's own policies let it read.
func (w *scene) reads(p *account.Principal, all []*plinth.Resource, actions []string) {
	for _, r := range all {
		if r.Data {
			continue
		}
		for _, action := range actions {
			if !w.own(p, action, r) && !w.listed(p, r) {
				continue
			}
			a := w.Decide(p, action, r, nil)
			if a.Result != iam.Allowed {
				continue
			}
			if w.Account(r) == p.Account && w.dominated(p, a.When) {
				break
			}
			key := w.unlocked(p, p.Principal, r)
			for _, way := range w.Ways(a, p, action, r) {
				when := way.When.And(key.when)
				if when.Never() {
					continue
				}
				var proof proof
				proof.add(way.By, action, r.Label(), p.Resource.Head())
				permissions := []string{action}
				if key.key != nil {
					proof.add(key.by, decrypt, key.key.Label(), key.key.Head())
					permissions = append(permissions, decrypt)
				}
				w.member(&proof, p)
				w.relate(plinth.Relation{From: p.ID, To: r.ID, Kind: plinth.Can, Permissions: permissions, When: when.Condition(), Evidence: proof.steps})
			}
			break
		}
	}
}

// own tells whether a principal's own side may let it do an action on something of a resource.
func (w *scene) own(p *account.Principal, action string, r *plinth.Resource) bool {
	grants := w.Can(p, action)
	if len(grants) == 0 {
		return false
	}
	target := iam.ParsePattern(w.Target(action, r))
	return slices.ContainsFunc(grants, func(g iam.Grant) bool { return g.Touches(target) })
}

// listed tells whether the policy of a resource names a principal itself, or everybody.
func (w *scene) listed(p *account.Principal, r *plinth.Resource) bool {
	names := w.Named(r)
	return slices.Contains(names, "AWS:"+p.ARN) || slices.Contains(names, "AWS:*")
}

// holds tells that an administrator of a store's account reads it.
func (w *scene) holds(r *plinth.Resource, action string) {
	admin := plinth.AccountAdmin(w.Account(r))
	if r.Data {
		return
	}
	w.owns = append(w.owns, plinth.Relation{From: admin, To: r.ID, Kind: plinth.Can, Permissions: []string{action}, Evidence: []plinth.Step{
		{Note: "an administrator of the account reads " + r.Label(), At: r.Head()},
	}})
}

// public tells which stores let in whom no resource declares: whoever the policy names, every account,
// everybody.
func (w *scene) public(ctx context.Context) error {
	for _, store := range stores {
		for _, r := range w.Resources(store.typ) {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, action := range store.actions {
				w.outsiders(r, action)
			}
		}
	}
	return nil
}

func (w *scene) outsiders(r *plinth.Resource, action string) {
	list := w.Outsiders(action, r)
	everybody := slices.ContainsFunc(list, func(a account.Access) bool { return a.Who.Kind == iam.Anonymous && a.Answer.When.Always() })
	for _, a := range list {
		key := w.unlocked(nil, a.Who, r)
		when := a.Answer.When.And(key.when)
		var proof proof
		proof.add(a.Answer.Allows, action, r.Label(), r.Head())
		if len(proof.steps) == 0 || when.Never() {
			continue
		}
		permissions := []string{action}
		if key.key != nil {
			proof.add(key.by, decrypt, key.key.Label(), key.key.Head())
			permissions = append(permissions, decrypt)
		}
		var from plinth.ID
		switch who := a.Who; {
		case who.Kind == iam.Anonymous:
			from = w.internet()
		case everybody || who.Kind == iam.Service || who.Kind == iam.Federated:
			continue
		case who.Account == account.Anybody().Account:
			from = w.anybody(proof.steps)
		case who.ARN == account.Root(who.Account).ARN:
			if w.roots[who.Account] {
				continue // told principal by principal
			}
			from = w.root(who.Account)
		default:
			from = w.named(who.ARN)
		}
		w.relate(plinth.Relation{From: from, To: r.ID, Kind: plinth.Can, Permissions: permissions, When: when.Condition(), Evidence: proof.steps})
	}
}
