// Package rules carries the rules of the product as data: docs/adding-a-rule.md.
package rules

import "embed"

// FS holds one YAML file for each rule, below a folder for each provider.
//
//go:embed */*
var FS embed.FS
