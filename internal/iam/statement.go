package iam

// Has tells whether the statement is about an action for certain.
func (s *Statement) Has(a Action) bool {
	if s.notAction {
		return s.actions.match(a).Never()
	}
	return s.actions.has(a)
}

// Named returns the principals that the statement names, each behind its kind: AWS:*, AWS:arn:…, Service:…, Federated:…; not is true
// where it is about all but these. A name that is not known is missing.
func (s *Statement) Named() (names []string, not bool) {
	for _, w := range s.principals {
		switch w.kind {
		case whoAll, whoAccount, whoARN:
			names = append(names, "AWS:"+w.text)
		case whoService:
			names = append(names, "Service:"+w.text)
		case whoFederated:
			names = append(names, "Federated:"+w.text)
		case whoOther:
			names = append(names, "CanonicalUser:"+w.text)
		}
	}
	return names, s.notWho
}

// Patterns returns the resources of the statement as they are written; not is true where it is about all but these.
func (s *Statement) Patterns() (texts []string, not bool) {
	for _, t := range s.resources {
		texts = append(texts, t.shown)
	}
	return texts, s.notResource
}

// Conditions returns the statement's conditions, which must all be met.
func (s *Statement) Conditions() []*Leaf {
	var out []*Leaf
	for _, c := range s.conditions {
		out = append(out, c.leaf)
	}
	return out
}
