package fix

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
	"github.com/plinthsec/plinth/internal/read/terraform/splice"
)

// placeholder in the text of an example stands for the attribute of a KMS key that is made for the resource.
const placeholder = "aws_kms_key.(own).arn"

// keyed are the names of arguments that take a KMS key, and literal the one of an example.
var (
	keyed   = lazy.New(`(^|_)kms_(master_)?key(_id|_arn|_identifier)?$|^key_arn$`)
	literal = lazy.New(`^"arn:aws:kms:[a-z0-9-]*:[0-9]*:key/[^"]*"$`)
)

// foreign are the types whose data another service writes: its key needs a policy that lets that service in, which the default policy of
// a new key does not (CloudWatch Logs and CloudTrail refuse the key, events no longer arrive in SNS and SQS).
var foreign = []string{"aws_cloudwatch_log_group", "aws_cloudtrail", "aws_sns_topic", "aws_sqs_queue", "aws_kinesis_firehose_delivery_stream", "aws_launch_template", "aws_launch_configuration"}

// standIn replaces the keys that an example names by the placeholder, which says nothing of an owner.
func standIn(b *splice.Block) {
	if b.Kind == "resource" && len(b.Labels) > 0 && (!strings.HasPrefix(b.Labels[0], "aws_") || slices.Contains(foreign, b.Labels[0])) {
		return
	}
	for i := range b.Attrs {
		a := &b.Attrs[i]
		if keyed.MatchString(a.Name) && literal.MatchString(a.Text) {
			a.Text, a.Plain, a.Impersonal = placeholder, true, true
		}
	}
	for _, c := range b.Blocks {
		standIn(c)
	}
}

// ownKey puts the key of the resource in the placeholder's stead and returns its name, "" where the text has none.
func (e *editing) ownKey(text string) (string, string) {
	if !strings.Contains(text, placeholder) {
		return text, ""
	}
	name := e.keyName()
	return strings.ReplaceAll(text, placeholder, "aws_kms_key."+name+".arn"), name
}

// keyName is the name of the key that the resource has already, else of one to be made: the resource's own, with its type where another
// resource of the folder has the same.
func (e *editing) keyName() string {
	if name := keyOf(e.block); name != "" {
		return name
	}
	name := e.block.Labels[1]
	for _, f := range e.folder() {
		for _, b := range f.Blocks {
			if b.Kind == "resource" && len(b.Labels) > 1 && b.Labels[1] == name && b.Labels[0] != e.block.Labels[0] && !strings.HasPrefix(b.Labels[0], e.block.Labels[0]+"_") {
				return name + "_" + strings.TrimPrefix(e.block.Labels[0], "aws_")
			}
		}
	}
	return name
}

// keyOf is the name of the key that a block refers to.
func keyOf(b *splice.Block) string {
	for _, a := range b.Attrs {
		for _, ref := range a.Refs {
			if name, ok := strings.CutPrefix(ref, "aws_kms_key."); ok && a.Text == ref+".arn" {
				return name
			}
		}
	}
	for _, c := range b.Blocks {
		if name := keyOf(c); name != "" {
			return name
		}
	}
	return ""
}

// newKey adds the key of that name where the folder has none.
func (e *editing) newKey(name string) []Edit {
	for _, f := range e.folder() {
		if slices.ContainsFunc(f.Blocks, func(b *splice.Block) bool {
			return b.Kind == "resource" && slices.Equal(b.Labels, []string{"aws_kms_key", name})
		}) {
			return nil
		}
	}
	account, more := e.account()
	text := strings.NewReplacer("NAME", name, "ACCOUNT", account).Replace(keyText)
	return append(more, Edit{Path: e.path, From: e.block.End, To: e.block.End, Text: text})
}

// keyText is a key whose policy is the one that AWS gives a key without any: the account decides, by its IAM policies.
const keyText = `

resource "aws_kms_key" "NAME" {
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "IAM policies of the account decide"
      Effect    = "Allow"
      Principal = { AWS = ACCOUNT }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}`

// account is the expression of the account's id. Where the folder does not ask for it an edit adds that, beside the provider; at the same
// place for all fixes, so that they share it.
func (e *editing) account() (string, []Edit) {
	const typ = "aws_caller_identity"
	at := ""
	for _, p := range e.inFolder() {
		for _, b := range e.file(p).Blocks {
			if b.Kind == "data" && len(b.Labels) == 2 && b.Labels[0] == typ {
				return "data." + typ + "." + b.Labels[1] + ".account_id", nil
			}
			if at == "" && b.Kind == "provider" {
				at = p
			}
		}
	}
	if at == "" {
		at = slices.Min(e.inFolder())
	}
	n := len(bytes.TrimRight(e.file(at).Source, "\n"))
	return "data." + typ + ".current.account_id", []Edit{{Path: at, From: n, To: n, Text: "\n\ndata \"" + typ + "\" \"current\" {}"}}
}

func keyNote(name string) string {
	return "aws_kms_key." + name + " encrypts from now on: who reads the data needs kms:Decrypt, who writes it kms:GenerateDataKey"
}

// folder are the files of the block's folder that parse.
func (e *editing) folder() []*splice.File {
	var out []*splice.File
	for _, p := range e.inFolder() {
		out = append(out, e.file(p))
	}
	return out
}

// inFolder are the paths of the files of the block's folder that parse.
func (e *editing) inFolder() []string {
	var out []string
	for _, p := range e.Files {
		if path.Dir(p) == path.Dir(e.path) && strings.HasSuffix(p, ".tf") && e.file(p) != nil {
			out = append(out, p)
		}
	}
	return out
}

// companions are the resources that a good example hangs on the main one, named after it. One that the folder has already is not made
// again.
func (e *editing) companions(f *splice.File, main *splice.Block) []Candidate {
	if _, ok := e.block.Attr("count"); ok {
		return nil
	}
	if _, ok := e.block.Attr("for_each"); ok {
		return nil
	}
	from, to := main.Labels[0]+"."+main.Labels[1], e.block.Labels[0]+"."+e.block.Labels[1]
	var out []Candidate
	for _, b := range f.Blocks {
		if b == main || b.Kind != "resource" || len(b.Labels) < 2 || b.Labels[0] == main.Labels[0] || !hangsOn(b, from) {
			continue
		}
		made := *b
		made.Labels = []string{b.Labels[0], e.block.Labels[1]}
		option, _ := b.Attr("name")
		if e.has(b.Labels[0], to, option.Text) {
			continue
		}
		if name := strings.Trim(option.Text, `"`); option.Plain && name != "" && splice.Name(name) == name { // one of several options
			made.Labels[1] += "_" + name
		}
		text, key := e.ownKey(strings.ReplaceAll(render(&made, ""), from+".", to+"."))
		c := Candidate{
			Adds:    strings.Join(made.Labels, "."),
			Summary: "add " + strings.Join(made.Labels, "."),
			Edits:   []Edit{{Path: e.path, From: e.block.End, To: e.block.End, Text: "\n\n" + strings.TrimSuffix(text, "\n")}},
		}
		if key != "" {
			c.Edits = append(c.Edits, e.newKey(key)...)
			c.Note = keyNote(key)
		}
		out = append(out, c)
	}
	return out
}

// has tells whether the folder has a resource of a type that refers to another; of an option that has a name, one of that name.
func (e *editing) has(typ, to, name string) bool {
	return slices.ContainsFunc(e.folder(), func(f *splice.File) bool {
		return slices.ContainsFunc(ofType(f, typ), func(b *splice.Block) bool {
			called, _ := b.Attr("name")
			return called.Text == name && slices.ContainsFunc(b.Attrs, func(a splice.Attr) bool { return slices.Contains(a.Refs, to) })
		})
	})
}

// asSiblings adds candidates that say what only the owner knows as the owner says it on another resource of the type in the folder: the
// bucket for logs, the address for alerts. What names the sibling itself is left out.
func (e *editing) asSiblings(out []Candidate, said []setting) []Candidate {
	for _, f := range e.folder() {
		for _, b := range ofType(f, e.block.Labels[0]) {
			address := strings.Join(b.Labels, ".")
			if b.Labels[1] == e.block.Labels[1] {
				continue
			}
			for _, s := range settings(b, nil) {
				if s.plain || own.MatchString(s.name) || strings.Contains(s.text, address) || strings.Contains(s.text, "each.") || strings.Contains(s.text, "count.") {
					continue
				}
				if !slices.ContainsFunc(said, func(o setting) bool { return !o.plain && o.address() == s.address() }) {
					continue
				}
				n := len(out)
				if out = e.add(out, []setting{s}); len(out) > n {
					out[n].Summary = "as " + address + ": " + out[n].Summary
					out[n].Note = joined(out[n].Note, "taken from "+address)
				}
			}
		}
	}
	return out
}

// own are arguments that differ from resource to resource.
var own = lazy.New(`(^|_)(name|prefix|description|identifier|id|arn|cidr|cidr_block|password|secret|tags|labels|key|value|policy|content|user_data|path|comment|title|profile|roles?|service_accounts?|identity|principals?|members?|security_groups?)$|^bucket$`)

// hangsOn tells whether a block refers to the main resource and otherwise says only what names nobody.
func hangsOn(b *splice.Block, main string) bool {
	found := false
	for _, a := range b.Attrs {
		switch {
		case a.Name == "acl": // who may read is what the bucket says itself
			return false
		case a.Plain:
		case a.Impersonal && len(a.Refs) > 0 && !slices.ContainsFunc(a.Refs, func(r string) bool { return r != main }):
			found = true
		default:
			return false
		}
	}
	return found && !slices.ContainsFunc(b.Blocks, func(c *splice.Block) bool { return c.Kind == "dynamic" || !c.Plain() })
}
